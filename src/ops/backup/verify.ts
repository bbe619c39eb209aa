import { DatalabError } from "../../errors.ts";
import { parallel } from "../object-store/inventory.ts";
import { type Reporter, runStep } from "../reporter.ts";
import type { Archive } from "./archive.ts";
import { type BackupRecord, blobsOf, type Verification } from "./record.ts";
import { isUnreadable } from "./sealed-files.ts";

/**
 * Reads a backup to its last byte, and notes that it was whole, or that it no longer is. Throws
 * E_BACKUP_DAMAGED. `check` reads one blob; the default reads it in any case.
 */
export async function verifyBackup(
  { reporter, signal }: { readonly reporter: Reporter; readonly signal: AbortSignal },
  archive: Archive,
  record: BackupRecord,
  check: (blob: string) => Promise<number> = archive.blobs.check,
): Promise<Verification> {
  return runStep(reporter, "read back", async (step) => {
    const blobs = blobsOf(record);
    let done = 0;
    let bytes = 0;
    const bad: DatalabError[] = [];
    await parallel(blobs.values(), signal, async (blob) => {
      try {
        // Not `bytes += await`: that adds to what `bytes` was before others were read.
        const size = await check(blob);
        bytes += size;
      } catch (error) {
        if (!isUnreadable(error)) throw error;
        bad.push(error);
      }
      done += 1;
      step.update(`${done} of ${blobs.size}`);
    });
    if (bad[0]) {
      await archive.unmark(record.id);
      throw allOf(bad[0], bad.length, blobs.size);
    }
    const found = { at: new Date().toISOString(), blobs: done, bytes };
    await archive.markVerified(record.id, found);
    return [found, `${done} files, all unchanged`];
  });
}

const allOf = (first: DatalabError, bad: number, all: number): DatalabError =>
  bad === 1
    ? first
    : new DatalabError(
        "E_BACKUP_DAMAGED",
        `${bad} of ${all} files are damaged, the first: ${first.message}`,
        {
          ...(first.hint !== undefined && { hint: first.hint }),
        },
      );
