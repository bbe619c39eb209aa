import { deriveSecret } from "../../../src/model/derive.ts";
import { imagesOf } from "../../../src/model/images.ts";
import type { PlatformModel } from "../../../src/model/platform.ts";
import type { ServiceDefinition } from "../../../src/model/service.ts";
import type { PlatformOutput } from "../../../src/outputs/platform.ts";
import { services } from "../../../src/services/index.ts";
import { deployAws } from "../../../src/targets/aws/index.ts";
import { type Recording, type Registered, record } from "../../support/mocks.ts";
import { foundation, modelOf } from "../../support/project.ts";

export type Recorded = Recording & { output: PlatformOutput };

export const accountId = "123456789012";
export const region = "eu-central-1";
export const master = "m".repeat(43);

/** A secret of the stack, as everything derives it. */
export const derived = (id: string): string => deriveSecret(master, "prod", { id, version: 1 });

interface Options {
  readonly size?: "S" | "M" | "L";
  /** More of `aws:`, as YAML on one line. */
  readonly aws?: string;
  /** More of the platform. */
  readonly more?: string;
  readonly known?: readonly ServiceDefinition[];
  /** Lines beside the platform object. */
  readonly beside?: string;
  /** Whether images have been pushed. */
  readonly pushed?: boolean;
}

/** A prod stack on AWS. */
export function prodModel({
  size = "S",
  aws = "",
  more = "",
  beside = "",
  known = services,
  pushed = true,
}: Options = {}): PlatformModel {
  const model = (digests: string) =>
    modelOf(
      `
    target: aws
    aws: { accountId: "${accountId}", region: ${region}, size: ${size}${aws && `, ${aws}`} }
    images: { source: registry${digests} }
    kubernetes: { storageClass: gp3, ingress: { host: lab.example.com, class: alb } }
${more}`,
      "prod",
      known,
      beside,
    );
  if (!pushed) return model("");
  const digests = imagesOf(model("")).map(
    (image, i) => `"${image}": "sha256:${String(i).padStart(64, "0")}"`,
  );
  return model(`, registry: registry.example.com/lab, digests: { ${digests.join(", ")} }`);
}

/** Few services, for what does not depend on which there are. */
export const smallModel = (options: Options = {}): PlatformModel =>
  prodModel({ known: foundation, ...options });

/** What AWS adds to a resource, made of its name. */
function made(type: string, name: string): Record<string, unknown> {
  const kind = type.split(":").at(-1) as string;
  const arn = `arn:${kind}/${name}`;
  switch (kind) {
    case "Cluster":
      return {
        arn,
        endpoint: "https://cluster.example",
        certificateAuthority: { data: "Y2E=" },
        vpcConfig: { clusterSecurityGroupId: "sg-cluster" },
      };
    case "NodeGroup":
      return { arn, resources: [{ autoscalingGroups: [{ name: `asg-${name}` }] }] };
    case "LaunchTemplate":
      return { arn, latestVersion: 1 };
    case "Key":
      return { arn, keyId: `key-${name}` };
    case "Instance":
      return { arn, address: "postgres.rds.example" };
    case "Zone":
      return { arn, zoneId: `zone-${name}` };
    case "Queue":
      return { arn, url: `https://queue/${name}` };
    default:
      return { arn };
  }
}

const config = {
  "datalab:masterSecret": master,
  "datalab:tlsCertificate": "CERT",
  "datalab:tlsKey": "KEY",
  "datalab:secret-s3": "s3-secret",
  "datalab:secret-db": "db-secret",
};

/** Everything that the program registers for a model. */
export const deploy = (model: PlatformModel): Promise<Recorded> =>
  record(() => deployAws(model), { stack: "prod", config, state: made }) as Promise<Recorded>;

export const isAws = ({ type }: Registered): boolean => type.startsWith("aws:");
/** `s3/bucket:Bucket` -> `Bucket` */
export const kindOf = ({ type }: Registered): string => type.split(":").at(-1) as string;

/** Inputs of the only resource of a kind and name. */
export function inputsOf(recorded: Recording, kind: string, name: string): Readonly<Record<string, unknown>> {
  return resourceOf(recorded, kind, name).inputs;
}

export function resourceOf(recorded: Recording, kind: string, name: string): Registered {
  const found = recorded.resources.filter((r) => isAws(r) && kindOf(r) === kind && r.name === name);
  if (found.length !== 1) throw new Error(`${found.length} resources ${kind} ${name} were recorded`);
  return found[0] as Registered;
}

/** Names of all resources of a kind, in order. */
export const namesOf = (recorded: Recording, kind: string): string[] =>
  recorded.resources
    .filter((r) => isAws(r) && kindOf(r) === kind)
    .map((r) => r.name)
    .sort();

/** What every resource of the stack is tagged with. */
export const tags = (name: string, more: Record<string, string> = {}): Record<string, string> => ({
  "datalab.stack": "prod",
  "datalab.target": "aws",
  Name: `datalab-prod-${name}`,
  ...more,
});

/** Inputs by kind and name, with JSON texts as `{ json }`. */
export type Expected = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** Recorded inputs as the expected ones are written: texts that are JSON are shown as what they say. */
export function unfolded(value: unknown): unknown {
  if (typeof value === "string" && value.startsWith("{")) return { json: JSON.parse(value) };
  if (Array.isArray(value)) return value.map(unfolded);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, unfolded(inner)]));
}
