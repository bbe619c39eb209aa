import { join } from "node:path";
import { Readable } from "node:stream";
import { Archive } from "../../../src/ops/backup/archive.ts";
import type { BackupRecord } from "../../../src/ops/backup/record.ts";
import { openRepository } from "../../../src/ops/backup/repository.ts";
import { sealKey } from "../../../src/ops/backup/seal.ts";
import { setVariable, standIn } from "../../support/programs.ts";
import { makeProject, platformYaml } from "../../support/project.ts";
import { remember } from "../stand-in-stack.ts";

export const master = "m".repeat(43);
export const key = sealKey(master, "dev");
export const text = (content: string | Buffer) => Readable.from([Buffer.from(content)]);
export const blobFile = (folder: string, blob: string) => join(folder, "dev/blobs", blob.slice(0, 2), blob);
export const recordFile = (folder: string, id: string) => join(folder, `dev/records/${id}.backup`);

/** The archive of the stack dev in this folder, as another run of the command opens it. */
export const archiveIn = async (folder: string, stack = "dev") =>
  new Archive(stack, await openRepository({ kind: "folder", path: folder }), sealKey(master, stack));

/** A project whose stack dev has this master secret, and its archive. */
export async function archived() {
  standIn("pulumi", `if (args[0] === "config") console.log(${JSON.stringify(master)});`);
  setVariable("PULUMI_BACKEND_URL", undefined);
  const project = makeProject({ "Pulumi.dev.yaml": platformYaml("{}") });
  const folder = join(project, ".datalab/backups");
  const archive = await archiveIn(folder);
  return { project, folder, archive, signal: new AbortController().signal, ...remember() };
}

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
    repaired: [],
    ...more,
  };
}
