import { backupRecord, blobsOf } from "./record.ts";

/** Says why what has the first layout is no record, by the name that its content has as a blob. */
export type Judge = (id: string, contentName: string) => Promise<string | undefined>;

interface Survey {
  /** Oldest first. */
  readonly ids: readonly string[];
  read(id: string): Promise<{ readonly value: unknown; readonly isFirst: boolean }>;
  isStored(blob: string): Promise<boolean>;
}

/**
 * The first layout sealed records and objects with one key, so that an object whose content looks like a
 * record could be put in a record's place by whoever can write to the repository. It is no longer written,
 * and believed only as a record that can't be such an object:
 *
 * - no blob has its content, and no record names one that has: every object of a backup is named by its
 *   record;
 * - no older record has the second layout: nothing of the first was written after it, so that a backup that
 *   is made today stays the latest one.
 */
export async function firstLayoutJudge({ ids, read, isStored }: Survey): Promise<Judge> {
  const named = new Set<string>();
  let firstOfSecond: string | undefined;
  for (const id of ids) {
    // What can't be read accuses no other.
    const found = await read(id).catch(() => undefined);
    if (!found) continue;
    if (!found.isFirst) firstOfSecond ??= id;
    const record = backupRecord.safeParse(found.value);
    if (record.success) for (const blob of blobsOf(record.data)) named.add(blob);
  }
  return async (id, contentName) => {
    if (named.has(contentName) || (await isStored(contentName)))
      return "what stands in its record's place is the content of a saved object";
    if (firstOfSecond !== undefined && firstOfSecond < id)
      return `its record has the layout of DataLab before ${firstOfSecond}, and claims to be newer`;
    return undefined;
  };
}
