import * as pulumi from "@pulumi/pulumi";
import { deriveSecret } from "../model/derive.ts";
import { envFile } from "../model/env-file.ts";
import type { EndpointModel, PlatformModel, SecretModel } from "../model/platform.ts";
import {
  type Alphabet,
  alphabets,
  externalKey,
  isSecret,
  type Ref,
  type Text,
  template,
} from "../model/refs.ts";

/** Answers the model's references at deploy time. */
export class Values {
  readonly #model: PlatformModel;
  readonly #secrets: ReadonlyMap<string, pulumi.Output<string>>;
  readonly #publicUrl: (endpoint: EndpointModel) => string;
  readonly #image: (name: string) => string;
  readonly #every: (workload: string) => string;

  /**
   * `master` is the stack's master secret; what is derived from it stays secret in the engine. `every` gives
   * the name that has an address per replica.
   */
  constructor(
    model: PlatformModel,
    master: pulumi.Output<string>,
    publicUrl: (endpoint: EndpointModel) => string,
    image: (name: string) => string,
    every: (workload: string) => string = (workload) => workload,
  ) {
    this.#every = every;
    this.#model = model;
    this.#image = image;
    this.#publicUrl = publicUrl;
    this.#secrets = new Map(
      model.secrets.map((secret: SecretModel) => [
        secret.id,
        pulumi.secret(master.apply((value) => deriveSecret(value, model.stack, secret))),
      ]),
    );
  }

  /** A string when nothing secret is in it, a secret output otherwise. */
  text(text: Text): pulumi.Input<string> {
    const parts = template(text).parts.map((part) => (typeof part === "string" ? part : this.#answer(part)));
    return isSecret(text) ? pulumi.secret(pulumi.concat(...parts)) : parts.join("");
  }

  /** The env file with the variables that hold a secret; undefined: none does. */
  secretEnv(env: Readonly<Record<string, Text>>): pulumi.Output<string> | undefined {
    const secret = Object.entries(env).filter(([, text]) => isSecret(text));
    if (secret.length === 0) return undefined;
    const texts = pulumi.all(secret.map(([, text]) => this.text(text)));
    return pulumi.secret(texts.apply((all) => envFile(all.map((text, i) => [secret[i]?.[0] ?? "", text]))));
  }

  /** A text that must not hold a secret. */
  plain(text: Text): string {
    if (isSecret(text)) throw new Error("a secret must not stand here");
    return this.text(text) as string;
  }

  #answer(ref: Ref): string | pulumi.Output<string> {
    if (ref.ref === "secret") {
      const value = this.#secrets.get(ref.id);
      if (!value) throw new Error(`the model has no secret ${ref.id}`);
      return value;
    }
    if (ref.ref === "external") return givenSecret(ref.name, ref.fits);
    if (ref.ref === "outside") return this.#outside(ref.capability, ref.part);
    if (ref.ref === "image") return this.#image(ref.name);
    const endpoint = this.endpoint(ref.workload, ref.endpoint);
    if (ref.ref === "publicUrl") {
      const url = this.#publicUrl(endpoint);
      return ref.part === "host" && url !== "" ? new URL(url.replace(/^[^:]+/, "http")).host : url;
    }
    if (ref.part === "host") return ref.workload;
    if (ref.part === "every") return this.#every(ref.workload);
    if (ref.part === "port") return String(endpoint.port);
    return `${endpoint.scheme}://${ref.workload}:${endpoint.port}`;
  }

  #outside(capability: "database" | "bucket", part: "host" | "port" | "url"): string {
    const { database, bucket } = this.#model.external;
    if (capability === "database") {
      if (!database) throw new Error("the model has no database outside");
      const { host, port } = database;
      return { host, port: String(port), url: `postgresql://${host}:${port}` }[part];
    }
    if (!bucket) throw new Error("the model has no object store outside");
    const { hostname, port, protocol } = new URL(bucket.url);
    return { host: hostname, port: port || (protocol === "http:" ? "80" : "443"), url: bucket.url }[part];
  }

  endpoint(workload: string, name: string): EndpointModel {
    const found = this.#model.services
      .flatMap((s) => s.workloads)
      .find((w) => w.name === workload)
      ?.endpoints.find((e) => e.name === name);
    if (!found) throw new Error(`the model has no endpoint ${name} of ${workload}`);
    return found;
  }
}

/**
 * A secret that people gave; where it stands among other text, one that would need escaping there is refused.
 */
function givenSecret(name: string, fits: Alphabet | undefined): pulumi.Output<string> {
  const value = new pulumi.Config("datalab").requireSecret(externalKey(name));
  if (fits === undefined) return value;
  const { pattern, words } = alphabets[fits];
  return value.apply((text) => {
    if (pattern.test(text)) return text;
    throw new pulumi.RunError(
      `datalab:${externalKey(name)}: expected a secret of ${words}, for it becomes part of addresses and files, received other characters`,
    );
  });
}
