import { DatalabError } from "../../errors.ts";
import { throwIfAborted } from "../abort.ts";
import type { Reporter } from "../reporter.ts";
import { withStackLock } from "../stack-lock.ts";
import { type Archive, openArchive } from "./archive.ts";
import { type Backup, backupOf } from "./create.ts";
import { blobsOf } from "./record.ts";
import { verifyBackup } from "./verify.ts";

/** A backup whose record can't be read. */
export interface UnreadableBackup {
  readonly id: string;
  readonly stack: string;
  readonly place: string;
  /** Why. */
  readonly unreadable: string;
}

/** Every backup of a stack, the last one first. */
export async function listBackups(project: string, stack: string): Promise<(Backup | UnreadableBackup)[]> {
  return withArchive(project, stack, async (archive) => {
    const all: (Backup | UnreadableBackup)[] = [];
    for await (const found of archive.all()) {
      const { id } = found;
      all.push(
        "record" in found
          ? backupOf(found.record, archive, await archive.verified(id))
          : { id, stack, place: archive.place, unreadable: found.error.message },
      );
    }
    return all;
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
  /**
   * Backups whose record can't be read, and that stay: nobody knows which files they need, so that no file is
   * removed.
   */
  readonly unreadable: readonly string[];
  /** Of the files that no backup needs any more. */
  readonly files: number;
  readonly bytes: number;
}

export interface PruneOptions {
  /** How many of those that can be read. */
  readonly keep: number;
  readonly dryRun: boolean;
  /** Whether those that can't be read go too. @default false */
  readonly removeUnreadable?: boolean;
}

/** A backup that is being made has files that no record names yet. */
const graceMs = 24 * 3600 * 1000;

/**
 * Removes all but the last backups, and the files that none of those left needs. With `dryRun` it only says
 * so.
 */
export async function pruneBackups(project: string, stack: string, options: PruneOptions): Promise<Pruned> {
  if (options.dryRun) return prune(project, stack, options);
  return withStackLock({ project, stack }, "datalab backup prune", (signal) =>
    prune(project, stack, options, signal),
  );
}

function prune(
  project: string,
  stack: string,
  { keep, dryRun, removeUnreadable = false }: PruneOptions,
  signal?: AbortSignal,
): Promise<Pruned> {
  return withArchive(project, stack, async (archive) => {
    const kept: string[] = [];
    const old: string[] = [];
    const unread: string[] = [];
    const needed = new Set<string>();
    // Who has lost the lock removes nothing more: somebody else may be building on it.
    const stillMine = () => signal && throwIfAborted(signal);
    // Read before anything goes.
    for await (const found of archive.all()) {
      if (!("record" in found)) unread.push(found.id);
      else if (kept.length === keep) old.push(found.id);
      else {
        kept.push(found.id);
        for (const blob of blobsOf(found.record)) needed.add(blob);
      }
    }
    const removed = (removeUnreadable ? [...old, ...unread] : old).sort();
    const unreadable = removeUnreadable ? [] : unread.toReversed();
    if (!dryRun) {
      for (const id of removed) {
        stillMine();
        await archive.remove(id);
      }
      for (const id of await archive.strayNotes()) await archive.unmark(id);
    }
    let files = 0;
    let bytes = 0;
    const done = () => ({ kept: kept.toReversed(), removed, unreadable, files, bytes });
    if (unreadable.length > 0) return done();
    for await (const blob of archive.blobs.list()) {
      if (needed.has(blob.path.slice(-64)) || Date.now() - blob.modified.getTime() < graceMs) continue;
      files += 1;
      bytes += blob.bytes;
      if (dryRun) continue;
      stillMine();
      await archive.blobs.remove(blob);
    }
    return done();
  });
}

/** Tells that `latest` is not the newest one, for that can't be read. */
export const skipped = (reporter: Reporter) => (id: string, error: DatalabError) =>
  reporter.step(`backup ${id}`).fail(`passed by, for it can't be read: ${error.message}`);

/**
 * The last backup of a stack, when it was read back whole less than `hours` ago; undefined: there is none
 * such.
 */
export async function freshBackup(project: string, stack: string, hours: number) {
  return withArchive(project, stack, async (archive) => {
    const record = await archive.latest();
    if (!record) return undefined;
    const verified = await archive.verified(record.id);
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
