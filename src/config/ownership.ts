import { type JsonSchema, schemaAt } from "./json-schema.ts";

/**
 * Who decides on a value. A value of the environment stays when a release is promoted, and may differ between
 * stacks; a promotion writes `release`; every other value should finally be the same in all stacks.
 */
export const owners = {
  place: "where it runs",
  cluster: "which cluster",
  hosts: "its host names",
  ports: "ports",
  sizes: "sizes",
  budget: "budget",
  data: "what happens to data",
  people: "who may use it, and who is notified",
  secrets: "secrets",
  schedules: "its own pipeline settings",
  safety: "how it is protected",
  release: "what was promoted",
} as const;
export type Owner = keyof typeof owners;

type Path = readonly (string | number)[];

/** `*` is any key. Options of a service declare their owner with `.meta({ owner })` in the service's file. */
const table: readonly (readonly [pattern: string, owner: Owner])[] = [
  ["target", "place"],
  ["images.source", "place"],
  ["images.registry", "place"],
  ["images.digests", "release"],
  ["promoted", "release"],
  ["promotion", "safety"],
  ["protect", "safety"],
  ["preset", "sizes"],
  ["portOffset", "ports"],
  ["data", "data"],
  ["backup", "safety"],
  ["budget", "budget"],
  ["kubernetes", "cluster"],
  ["aws", "cluster"],
  ["external", "hosts"],
  ["services.*.resources", "sizes"],
  ["services.*.storage", "sizes"],
  ["services.*.scale", "sizes"],
  ["services.*.ports", "ports"],
  ["services.*.data", "data"],
  ["pipelines.overrides", "schedules"],
  ["secrets", "secrets"],
];

/**
 * Fields that stacks share. A field without an owner in the table stays in its stack, which is the safer
 * mistake.
 */
const shared: readonly string[] = ["images", "services", "serviceFiles", "pipelines"];

/** Keys of the platform's object with a decision about their owner; a test compares them with the schema. */
export const decidedKeys: ReadonlySet<string> = new Set([
  ...shared,
  ...table.map(([pattern]) => pattern.split(".")[0] as string),
]);

/** The owner of the value at a path; undefined if all stacks share it. */
export function ownerOf(schema: JsonSchema, path: Path): Owner | undefined {
  const found = table.find(([pattern]) => {
    const keys = pattern.split(".");
    return keys.length <= path.length && keys.every((key, i) => key === "*" || key === String(path[i]));
  });
  if (found) return found[1];
  if (!shared.includes(String(path[0]))) return "place";
  for (let length = path.length; length > 0; length--) {
    const owner = schemaAt(schema, path.slice(0, length))?.owner;
    if (owner !== undefined) return owner as Owner;
  }
  return undefined;
}
