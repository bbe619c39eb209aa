import { DatalabError } from "../../errors.ts";
import type { Reporter } from "../reporter.ts";
import { withStackLock } from "../stack-lock.ts";
import { type Archive, openArchive } from "./archive.ts";
import { type Backup, backupOf, verifyBackup } from "./create.ts";
import { blobsOf } from "./record.ts";

/** Every backup of a stack, the last one first. */
export async function listBackups(project: string, stack: string): Promise<Backup[]> {
  return withArchive(project, stack, async (archive) => {
    const found: Backup[] = [];
    for (const id of (await archive.ids()).toReversed()) {
      found.push(backupOf(await archive.read(id), archive, await archive.verified(id)));
    }
    return found;
  });
}

export interface Checked {
  readonly id: string;
  readonly ok: boolean;
  readonly files: number;
  /** Of the content. */
  readonly bytes: number;
  /** What is wrong; absent: nothing. */
  readonly error?: string;
}

/**
 * Reads backups to their last byte: the named one, or all of them. What is damaged is named, and the others
 * are read all the same.
 */
export async function verifyBackups(
  project: string,
  stack: string,
  word: string | undefined,
  options: { readonly reporter: Reporter; readonly signal: AbortSignal },
): Promise<Checked[]> {
  return withArchive(project, stack, async (archive) => {
    const ids = word === undefined ? (await archive.ids()).toReversed() : [(await archive.find(word)).id];
    const checked: Checked[] = [];
    for (const id of ids) {
      try {
        const { blobs, bytes } = await verifyBackup(options, archive, await archive.read(id));
        checked.push({ id, ok: true, files: blobs, bytes });
      } catch (error) {
        if (!(error instanceof DatalabError) || error.code === "E_INTERRUPTED") throw error;
        checked.push({ id, ok: false, files: 0, bytes: 0, error: error.message });
      }
    }
    return checked;
  });
}

export interface Pruned {
  readonly kept: readonly string[];
  readonly removed: readonly string[];
  /** Of the files that no backup needs any more. */
  readonly files: number;
  readonly bytes: number;
}

/** A backup that is being made has files that no record names yet. */
const graceMs = 24 * 3600 * 1000;

/**
 * Removes all but the last backups, and the files that none of those left needs. With `dryRun` it only says
 * so.
 */
export async function pruneBackups(
  project: string,
  stack: string,
  options: { readonly keep: number; readonly dryRun: boolean },
): Promise<Pruned> {
  if (options.dryRun) return prune(project, stack, options);
  return withStackLock({ project, stack }, "datalab backup prune", () => prune(project, stack, options));
}

function prune(
  project: string,
  stack: string,
  { keep, dryRun }: { readonly keep: number; readonly dryRun: boolean },
): Promise<Pruned> {
  return withArchive(project, stack, async (archive) => {
    const ids = await archive.ids();
    const kept = ids.slice(-keep);
    const removed = ids.slice(0, -keep);
    const needed = new Set<string>();
    // Read before anything goes: what can't be read keeps everything.
    for (const id of kept) for (const blob of blobsOf(await archive.read(id))) needed.add(blob);
    if (!dryRun) for (const id of removed) await archive.remove(id);
    let files = 0;
    let bytes = 0;
    for await (const blob of archive.blobs()) {
      if (needed.has(blob.path.slice(-64)) || Date.now() - blob.modified.getTime() < graceMs) continue;
      files += 1;
      bytes += blob.bytes;
      if (!dryRun) await archive.removeBlob(blob);
    }
    return { kept, removed, files, bytes };
  });
}

/**
 * The last backup of a stack, when it was read back whole less than `hours` ago; undefined: there is none
 * such.
 */
export async function freshBackup(project: string, stack: string, hours: number) {
  return withArchive(project, stack, async (archive) => {
    const id = (await archive.ids()).at(-1);
    if (id === undefined) return undefined;
    const [record, verified] = [await archive.read(id), await archive.verified(id)];
    const age = Date.now() - new Date(record.begun).getTime();
    return verified && age < hours * 3600 * 1000 ? record : undefined;
  });
}

async function withArchive<T>(
  project: string,
  stack: string,
  work: (archive: Archive) => Promise<T>,
): Promise<T> {
  const archive = await openArchive(project, stack);
  try {
    return await work(archive);
  } finally {
    archive.close();
  }
}
