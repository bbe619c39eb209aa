import { stringify } from "yaml";

/** What a program declares, as files for people and tools that apply plain YAML. Pure. */

/** A value that the engine keeps secret. */
export class Hidden {
  readonly value: unknown;
  constructor(value: unknown) {
    this.value = value;
  }
}

/** A resource as the program has declared it. */
export interface Recorded {
  readonly type: string;
  readonly name: string;
  readonly urn: string;
  /** Secret values as Hidden. */
  readonly inputs: Readonly<Record<string, unknown>>;
  /** URNs of what must be there before it. */
  readonly dependsOn: readonly string[];
}

export interface Manifest {
  /** `<kind>-<name>.yaml` */
  readonly file: string;
  readonly kind: string;
  readonly name: string;
  readonly text: string;
  /** Keys of a Secret, whose values are not in the text. */
  readonly secretKeys: readonly string[];
}

interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Readonly<Record<string, unknown>> & {
    readonly name: string;
    readonly annotations?: Readonly<Record<string, unknown>>;
  };
}

/**
 * Kubernetes objects of what was recorded, each after what it needs. Throws when a secret stands outside of a
 * Secret.
 */
export function manifestsOf(recorded: readonly Recorded[]): Manifest[] {
  const objects = recorded.filter(({ type }) => /^kubernetes:(?!.*:helm)/.test(type));
  return inOrder(objects).map(toManifest);
}

/**
 * Dependencies first; among what may stand anywhere, by file name, so that the same program gives the same
 * order.
 */
function inOrder(resources: readonly Recorded[]): Recorded[] {
  const left = new Map(resources.toSorted(byFile).map((resource) => [resource.urn, resource]));
  const ordered: Recorded[] = [];
  const place = (resource: Recorded): void => {
    if (!left.delete(resource.urn)) return;
    const before = resource.dependsOn.flatMap((urn) => left.get(urn) ?? []).sort(byFile);
    for (const each of before) place(each);
    ordered.push(resource);
  };
  for (const resource of [...left.values()]) place(resource);
  return ordered;
}

const byFile = (a: Recorded, b: Recorded): number => (fileOf(a) < fileOf(b) ? -1 : 1);

function fileOf({ inputs, name }: Recorded): string {
  const { kind, metadata } = inputs as Partial<KubernetesObject>;
  return `${String(kind).toLowerCase()}-${metadata?.name ?? name}.yaml`;
}

function toManifest(resource: Recorded): Manifest {
  const { apiVersion, kind, metadata, ...rest } = resource.inputs as Partial<KubernetesObject>;
  if (!apiVersion || !kind || !metadata?.name) {
    throw new Error(`${resource.type} ${resource.name} has no kind or name for a file name`);
  }
  const isSecret = kind === "Secret";
  const body = isSecret ? withoutValues(rest) : rest;
  const secretPath = hiddenPath({ metadata, ...body }, `${kind} ${metadata.name}`);
  if (secretPath)
    throw new Error(`a secret is outside of a Secret object, and must not be written: ${secretPath}`);
  const object = { apiVersion, kind, metadata: plainMetadata(metadata), ...(sorted(body) as object) };
  return {
    file: fileOf(resource),
    kind,
    name: metadata.name,
    text: stringify(object, { version: "1.1", lineWidth: 0, aliasDuplicateObjects: false }),
    secretKeys: isSecret ? keysOf(rest) : [],
  };
}

const valueFields = ["data", "stringData"] as const;
const open = (value: unknown): unknown => (value instanceof Hidden ? value.value : value);
const entries = (value: unknown): [string, unknown][] => Object.entries((open(value) ?? {}) as object);

function keysOf(body: Readonly<Record<string, unknown>>): string[] {
  return valueFields.flatMap((field) => entries(body[field]).map(([key]) => key)).sort();
}

/** A Secret with its keys, and nothing behind them. */
function withoutValues(body: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(body).map(([field, value]) =>
      valueFields.some((f) => f === field)
        ? [field, Object.fromEntries(entries(value).map(([key]) => [key, ""]))]
        : [field, value],
    ),
  );
}

/** What only the engine reads is left out. */
function plainMetadata({ annotations = {}, ...rest }: KubernetesObject["metadata"]): unknown {
  const own = Object.entries(annotations).filter(([key]) => !key.startsWith("pulumi.com/"));
  return sorted({ ...rest, ...(own.length > 0 && { annotations: Object.fromEntries(own) }) });
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(fields.map(([key, inner]) => [key, sorted(inner)]));
}

function hiddenPath(value: unknown, path: string): string | undefined {
  if (value instanceof Hidden) return path;
  if (typeof value !== "object" || value === null) return undefined;
  for (const [key, inner] of Object.entries(value)) {
    const found = hiddenPath(inner, `${path}.${key}`);
    if (found) return found;
  }
  return undefined;
}

/** What is written beside the manifests: in which order they are applied, and what has to be provided. */
export function notesOf(stack: string, manifests: readonly Manifest[]): Readonly<Record<string, string>> {
  const secrets = manifests.filter(({ kind }) => kind === "Secret");
  const lines = secrets.flatMap(({ name, file, secretKeys }) => [
    `${name} (${file})`,
    ...secretKeys.map((key) => `  ${key}`),
    "",
  ]);
  return {
    [orderFile]: `${manifests.map(({ file }) => file).join("\n")}\n`,
    "secrets.txt": [
      `Secrets of the stack ${stack}. Their files contain the keys without values: secrets are never written here.`,
      "Create them with your cluster's tool for secrets instead of these files. A stack that ./datalab up",
      "has deployed has them in its namespace; applying the empty ones would erase their values.",
      "",
      ...lines,
    ]
      .join("\n")
      .replace(/\n+$/, "\n"),
  };
}

/** Names the manifests, each after what it needs. */
export const orderFile = "order.txt";
