import { type JsonSchema, schemaAt } from "./json-schema.ts";

/**
 * Who decides on a value. What belongs to the environment stays when a release is promoted, and may differ from stack to
 * stack; `release` is written by a promotion; everything else is meant to be the same everywhere in the end.
 */
export const owners = {
  place: "where it runs",
  cluster: "which cluster",
  hosts: "names that it is reached by",
  ports: "ports",
  sizes: "sizes",
  budget: "budget",
  data: "what happens to data",
  people: "who may, and who is told",
  secrets: "secrets",
  schedules: "what its pipelines do otherwise",
  safety: "how it is protected",
  release: "what was promoted",
} as const;
export type Owner = keyof typeof owners;

type Path = readonly (string | number)[];

/** `*` is any key. Options of a service say it themselves, by `.meta({ owner })` in its file. */
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

/** What stacks share. Whatever else has no owner in the table stays where it is: it is safer not to travel by mistake. */
const shared: readonly string[] = ["images", "services", "serviceFiles", "pipelines"];

/** Keys of the platform's object that somebody has decided on, which a test holds against its schema. */
export const decidedKeys: ReadonlySet<string> = new Set([
  ...shared,
  ...table.map(([pattern]) => pattern.split(".")[0] as string),
]);

/** Who decides on the value at a path; undefined: all stacks together. */
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
