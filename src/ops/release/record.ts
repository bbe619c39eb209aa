import { z } from "zod";

/** What of an image is known: its content tag here, its digest in a registry, its id on a Docker host. */
const image = z.strictObject({
  tag: z.string().nullable(),
  digest: z.string().nullable(),
  id: z.string().nullable(),
});

const capacity = z.strictObject({
  memoryBytes: z.number(),
  milliCpu: z.number(),
  storageBytes: z.number(),
});

/** What was deployed to a stack by one `up`. It holds no secret. */
export const releaseRecord = z.strictObject({
  format: z.literal(1),
  /** Sorts by time: `20260131-120000-b0b1f0a8`. */
  id: z.string(),
  stack: z.string(),
  target: z.enum(["docker", "kubernetes", "aws"]),
  /** ISO 8601, UTC. */
  at: z.string(),
  by: z.strictObject({ user: z.string(), host: z.string() }),
  /** `release` of the stack's output: the hash over what the program was given. */
  content: z.string(),
  git: z.strictObject({
    commit: z.string().nullable(),
    /** Files that differ from the commit. */
    dirty: z.array(z.string()),
  }),
  /** Version of DataLab, and the hash of the schema that its configuration has. */
  schema: z.strictObject({ version: z.string(), config: z.string() }),
  images: z.record(z.string(), image),
  services: z.record(z.string(), z.string()),
  /** Content hash of each pipeline. */
  pipelines: z.record(z.string(), z.string()),
  /** `datalab:platform` as it stands in the stack's file. */
  given: z.record(z.string(), z.unknown()),
  /** The same with every default. */
  config: z.record(z.string(), z.unknown()),
  capacity: z.record(z.string(), capacity),
  volumes: z.array(
    z.strictObject({ name: z.string(), service: z.string(), policy: z.enum(["retain", "delete"]) }),
  ),
  changes: z.record(z.string(), z.number()),
  steps: z.array(z.strictObject({ op: z.string(), type: z.string(), name: z.string() })),
  /** Where it was promoted from. */
  promoted: z.strictObject({ from: z.string(), release: z.string() }).nullable(),
  /** The earlier release that it brought back. */
  restores: z.string().nullable(),
});

export type ReleaseRecord = z.infer<typeof releaseRecord>;
export type ReleaseImage = ReleaseRecord["images"][string];

/** What two records must share to be the same release: whatever was deployed, and from what. */
export function isSameRelease(one: ReleaseRecord, other: ReleaseRecord): boolean {
  const told = ({ target, content, git, schema, images, pipelines, given }: ReleaseRecord) =>
    JSON.stringify(ordered({ target, content, git, schema, images, pipelines, given }));
  return told(one) === told(other);
}

/** The same value with the keys of every mapping in one order. */
export function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, ordered(inner)]));
}

/**
 * What two records both know of an image; the digest, which is the same everywhere, before the id and the
 * tag.
 */
export function isSameImage(one: ReleaseImage | undefined, other: ReleaseImage | undefined): boolean {
  if (!one || !other) return one === other;
  for (const key of ["digest", "id", "tag"] as const) {
    if (one[key] !== null && other[key] !== null) return one[key] === other[key];
  }
  return false;
}
