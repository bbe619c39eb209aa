import { z } from "zod";

const blob = z.string().regex(/^[0-9a-f]{64}$/);

/** What one backup holds, and of what. It is kept sealed, beside the blobs that it names. */
export const backupRecord = z.strictObject({
  format: z.literal(1),
  id: z.string(),
  stack: z.string(),
  target: z.string(),
  /** When it began and ended, ISO 8601, UTC. Nothing that was acknowledged before it began is missing. */
  begun: z.string(),
  ended: z.string(),
  by: z.strictObject({ user: z.string(), host: z.string() }),
  /** What was deployed. */
  release: z.string(),
  commit: z.string().nullable(),
  /** The stack's file, whose secrets are encrypted by its passphrase. */
  config: z.string(),
  dumps: z.array(
    z.strictObject({
      service: z.string(),
      workload: z.string(),
      kind: z.enum(["database", "home"]).default("database"),
      /** Of the database, or whose home it is. */
      name: z.string(),
      blob,
      bytes: z.number(),
    }),
  ),
  buckets: z.array(
    z.strictObject({
      /** Without the stack's prefix. */
      name: z.string(),
      objects: z.array(
        z.strictObject({
          key: z.string(),
          blob,
          sha256: blob,
          /** As the store said it then: the same again means the same content. */
          etag: z.string(),
          modified: z.string(),
          traits: z.strictObject({
            size: z.number(),
            headers: z.record(z.string(), z.string()),
            metadata: z.record(z.string(), z.string()),
            tags: z.record(z.string(), z.string()),
          }),
        }),
      ),
    }),
  ),
  /** Volumes whose content it holds, `<workload>-<volume>`. */
  covers: z.array(z.string()),
  /** Data of the stack that it does not hold, with the reason. */
  leaves: z.array(z.strictObject({ what: z.string(), why: z.string() })),
  /** Blobs of earlier backups that were damaged, and that it has written anew. */
  repaired: z.array(z.strictObject({ blob, why: z.string() })).default([]),
});

export type BackupRecord = z.infer<typeof backupRecord>;
export type Repaired = BackupRecord["repaired"][number];
export type SavedBucket = BackupRecord["buckets"][number];
export type SavedObject = SavedBucket["objects"][number];
export type SavedDump = BackupRecord["dumps"][number];

/** That all of a backup has been read back and was as it had been written. */
export const verification = z.strictObject({ at: z.string(), blobs: z.number(), bytes: z.number() });
export type Verification = z.infer<typeof verification>;

/** Blobs that a backup needs, each once. */
export const blobsOf = (record: BackupRecord): ReadonlySet<string> =>
  new Set([
    ...record.dumps.map((dump) => dump.blob),
    ...record.buckets.flatMap(({ objects }) => objects.map((object) => object.blob)),
  ]);

export interface Contents {
  readonly databases: number;
  readonly homes: number;
  readonly objects: number;
  /** Of all of it as it is in the stack. */
  readonly bytes: number;
}

export function contentsOf({ dumps, buckets }: BackupRecord): Contents {
  const objects = buckets.flatMap((bucket) => bucket.objects);
  const sum = (sizes: readonly number[]) => sizes.reduce((all, size) => all + size, 0);
  return {
    databases: dumps.filter(({ kind }) => kind === "database").length,
    homes: dumps.filter(({ kind }) => kind === "home").length,
    objects: objects.length,
    bytes: sum(dumps.map(({ bytes }) => bytes)) + sum(objects.map(({ traits }) => traits.size)),
  };
}
