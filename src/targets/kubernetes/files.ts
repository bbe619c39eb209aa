import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { isSecret, type Template } from "../../model/refs.ts";
import { contentHash } from "../content-hash.ts";
import type { Values } from "../values.ts";
import type { Labels } from "./names.ts";

/** Files of a pod: what is secret in a Secret, the rest in a ConfigMap, both below /run/datalab. */
export interface Files {
  readonly sources: readonly k8s.types.input.core.v1.VolumeProjection[];
  /** 16 hex digits over names and contents; undefined: there are none. */
  readonly hash: pulumi.Output<string> | undefined;
  readonly resources: readonly pulumi.Resource[];
}

export interface FilesArgs {
  readonly name: string;
  readonly namespace: pulumi.Input<string>;
  readonly labels: Labels;
  readonly env: Readonly<Record<string, Template>>;
  readonly files: Readonly<Record<string, Template>>;
  /** Further files, of what the target itself knows. */
  readonly extra?: Readonly<Record<string, pulumi.Input<string>>>;
  readonly values: Values;
}

type Content = readonly [path: string, text: pulumi.Input<string>];

/** A key of a Secret or ConfigMap holds no slash. */
const keyOf = (path: string): string => path.replaceAll("/", "__");
const projection = (contents: readonly Content[]) => contents.map(([path]) => ({ key: keyOf(path), path }));

export function createFiles(args: FilesArgs, options: pulumi.CustomResourceOptions): Files {
  const { secret, plain } = contentsOf(args);
  const metadata = { name: args.name, namespace: args.namespace, labels: { ...args.labels } };
  const data = (contents: readonly Content[]) =>
    Object.fromEntries(contents.map(([path, text]) => [keyOf(path), text]));
  const sources: k8s.types.input.core.v1.VolumeProjection[] = [];
  const resources: pulumi.Resource[] = [];
  if (plain.length > 0) {
    resources.push(
      new k8s.core.v1.ConfigMap(
        `${args.name}-config`,
        { metadata: { ...metadata, name: `${args.name}-config` }, data: data(plain) },
        options,
      ),
    );
    sources.push({ configMap: { name: `${args.name}-config`, items: projection(plain) } });
  }
  if (secret.length > 0) {
    const encoded = Object.fromEntries(
      Object.entries(data(secret)).map(([key, text]) => [
        key,
        pulumi.secret(pulumi.output(text).apply((value) => Buffer.from(value).toString("base64"))),
      ]),
    );
    resources.push(
      new k8s.core.v1.Secret(
        `${args.name}-files`,
        { metadata: { ...metadata, name: `${args.name}-files` }, type: "Opaque", data: encoded },
        options,
      ),
    );
    sources.push({ secret: { name: `${args.name}-files`, items: projection(secret) } });
  }
  const all = [...plain, ...secret];
  return { sources, resources, hash: all.length === 0 ? undefined : contentHash(all) };
}

function contentsOf({ env, files, extra, values }: FilesArgs): { secret: Content[]; plain: Content[] } {
  const secret: Content[] = [];
  const plain: Content[] = Object.entries(extra ?? {});
  for (const [path, text] of Object.entries(files)) {
    (isSecret(text) ? secret : plain).push([path, values.text(text)]);
  }
  // What datalab-start reads: no secret is an argument, nor part of what describes a pod.
  const variables = values.secretEnv(env);
  if (variables) secret.push(["env", variables]);
  const order = ([a]: Content, [b]: Content) => (a < b ? -1 : 1);
  return { secret: secret.sort(order), plain: plain.sort(order) };
}
