import type { BackupRecord } from "../../../src/ops/backup/record.ts";

const traits = { size: 7, headers: {}, metadata: {}, tags: {} };
/** A backup of the stack dev that was made now, with an object of 7 bytes for each blob. */
export function backupRecordOf(
  id: string,
  blobs: readonly string[],
  more: Partial<BackupRecord> = {},
): BackupRecord {
  return {
    format: 1,
    id,
    stack: "dev",
    target: "docker",
    begun: new Date().toISOString(),
    ended: new Date().toISOString(),
    by: { user: "ann", host: "desk" },
    release: "0123456789abcdef",
    commit: null,
    config: "config: {}\n",
    dumps: [],
    buckets: [
      {
        name: "silver",
        objects: blobs.map((blob, i) => ({
          key: `k${i}`,
          blob,
          sha256: "0".repeat(64),
          etag: `"${i}"`,
          modified: "2026-01-31T12:00:00.000Z",
          traits,
        })),
      },
    ],
    covers: ["postgres-data"],
    leaves: [],
    ...more,
  };
}
