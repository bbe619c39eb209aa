import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { loadEnvironment } from "../../config/load.ts";
import { DatalabError } from "../../errors.ts";
import { services } from "../../services/index.ts";
import { locationOf, stateSibling } from "../engine/state-location.ts";
import { readMaster } from "../services/credentials.ts";
import { Blobs } from "./blobs.ts";
import { firstLayoutJudge, type Judge } from "./first-layout.ts";
import { type BackupRecord, backupRecord, type Verification, verification } from "./record.ts";
import { openRepository, type Repository } from "./repository.ts";
import { isFirstLayout, type Place, type SealKey, sealKey } from "./seal.ts";
import { damaged, isUnreadable, SealedFiles } from "./sealed-files.ts";

/** A backup as its record was found. */
export type Found =
  | { readonly id: string; readonly record: BackupRecord }
  | { readonly id: string; readonly error: DatalabError };

/**
 * The backups of one stack: `<stack>/records/<id>.backup`, `<id>.verified` beside it, and `<stack>/blobs`
 * that they share, all sealed.
 */
export class Archive {
  readonly stack: string;
  readonly blobs: Blobs;
  readonly #repository: Repository;
  readonly #files: SealedFiles;
  #judge: Promise<Judge> | undefined;

  constructor(stack: string, repository: Repository, key: SealKey) {
    this.stack = stack;
    this.#repository = repository;
    this.#files = new SealedFiles(repository, key);
    this.blobs = new Blobs(stack, this.#files);
  }

  /** For people. */
  get place(): string {
    return this.#repository.place;
  }

  /** Ids, oldest first. */
  ids = async (): Promise<string[]> => (await this.#listed()).backup.sort();

  /**
   * Ids of notes that a backup was read back whose record is gone: of a prune that was killed, or of somebody
   * who read the backup while it was pruned.
   */
  async strayNotes(): Promise<string[]> {
    const { backup, verified } = await this.#listed();
    return verified.filter((id) => !backup.includes(id));
  }

  async #listed() {
    const found = { backup: [] as string[], verified: [] as string[] };
    const records = `${this.stack}/records/`;
    for await (const { path } of this.#repository.list(`${this.stack}/records`)) {
      if (!path.startsWith(records)) continue;
      const [, id, kind] = /^([^/]+)\.(backup|verified)$/.exec(path.slice(records.length)) ?? [];
      if (id !== undefined) found[kind as keyof typeof found].push(id);
    }
    return found;
  }

  /** Every backup, newest first: one whose record can't be read hides no other. */
  async *all(): AsyncGenerator<Found> {
    for (const id of (await this.ids()).toReversed()) {
      try {
        yield { id, record: await this.read(id) };
      } catch (error) {
        if (!isUnreadable(error)) throw error;
        yield { id, error };
      }
    }
  }

  /** The newest backup that can be read; `onSkipped` is told of every newer one. */
  async latest(onSkipped: (id: string, error: DatalabError) => void = () => {}) {
    for await (const found of this.all()) {
      if ("record" in found) return found.record;
      onSkipped(found.id, found.error);
    }
    return undefined;
  }

  /** A backup by its id or `latest`. Throws E_BACKUP_UNKNOWN. */
  async find(word: string, onSkipped?: (id: string, error: DatalabError) => void): Promise<BackupRecord> {
    if (word === "latest") {
      let skipped: DatalabError | undefined;
      const record = await this.latest((id, error) => {
        skipped ??= error;
        onSkipped?.(id, error);
      });
      if (record) return record;
      if (skipped) throw skipped;
    }
    const ids = await this.ids();
    if (ids.includes(word)) return this.read(word);
    const none = ids.length === 0;
    throw new DatalabError(
      "E_BACKUP_UNKNOWN",
      none
        ? `The stack ${this.stack} has no backup in ${this.place}.`
        : `The stack ${this.stack} has no backup ${JSON.stringify(word)}.`,
      {
        hint: none
          ? `./datalab backup create --stack ${this.stack}`
          : `./datalab backup list --stack ${this.stack} shows them.`,
      },
    );
  }

  /** Throws E_BACKUP_DAMAGED or E_BACKUP_FORMAT unless it is the record of that backup of this stack. */
  async read(id: string): Promise<BackupRecord> {
    const { value, content, isFirst } = await this.#readJson(this.#place(id, "record"), id);
    const parsed = backupRecord.safeParse(value);
    if (!parsed.success) {
      const issue = parsed.error.issues[0];
      throw new DatalabError(
        "E_BACKUP_FORMAT",
        `The record of backup ${id} can't be read (${issue?.path.join(".") || "the whole"}: ${issue?.message}).`,
        { hint: "Another version of DataLab wrote it." },
      );
    }
    const record = parsed.data;
    if (record.id !== id || record.stack !== this.stack)
      throw damaged(id, `its record is that of the backup ${record.id} of the stack ${record.stack}`);
    if (isFirst) await this.#believe(id, content);
    return record;
  }

  write = (record: BackupRecord): Promise<void> => this.#writeJson(this.#place(record.id, "record"), record);

  /** When all of it was last read back; undefined: never, or nobody can tell. */
  async verified(id: string): Promise<Verification | undefined> {
    const place = this.#place(id, "verified");
    if (!(await this.#repository.has(place.path))) return undefined;
    try {
      const { value, content, isFirst } = await this.#readJson(place, id);
      if (isFirst) await this.#believe(id, content);
      return verification.safeParse(value).data;
    } catch (error) {
      if (isUnreadable(error)) return undefined;
      throw error;
    }
  }

  markVerified = (id: string, found: Verification): Promise<void> =>
    this.#writeJson(this.#place(id, "verified"), found);

  /** It was found damaged: what was read back earlier says nothing any more. */
  unmark = (id: string): Promise<void> => this.#repository.remove(this.#place(id, "verified").path);

  async remove(id: string): Promise<void> {
    await this.#repository.remove(this.#place(id, "record").path);
    await this.unmark(id);
  }

  close(): void {
    this.#repository.close();
  }

  #place(id: string, kind: "record" | "verified"): Place {
    return { kind, path: `${this.stack}/records/${id}.${kind === "record" ? "backup" : kind}` };
  }

  async #writeJson(place: Place, value: unknown): Promise<void> {
    await this.#files.put(Readable.from([Buffer.from(JSON.stringify(value))]), () => place);
  }

  async #readJson(place: Place, id: string) {
    const stored = await this.#repository.read(place.path);
    if (!stored) throw damaged(id, "its record is missing");
    try {
      const sealed = await buffer(stored);
      const content = await buffer(this.#files.unsealed(place, Readable.from([sealed])));
      return { value: JSON.parse(content.toString()) as unknown, content, isFirst: isFirstLayout(sealed) };
    } catch (error) {
      throw error instanceof DatalabError ? error : damaged(id, (error as Error).message);
    }
  }

  /** Throws when what has the first layout may be an object's content; see firstLayoutJudge. */
  async #believe(id: string, content: Buffer): Promise<void> {
    this.#judge ??= firstLayoutJudge({
      ids: await this.ids(),
      read: (each) => this.#readJson(this.#place(each, "record"), each),
      isStored: this.blobs.isStored,
    });
    const why = await (await this.#judge)(id, this.#files.nameOf(content));
    if (why !== undefined) throw damaged(id, why);
  }
}

/** How many backups of a stack stay. */
export const backupsKept = (project: string, stack: string): number =>
  loadEnvironment(project, stack, services).config.backup.keep;

/** The archive of a stack of this project, where its configuration says. */
export async function openArchive(project: string, stack: string): Promise<Archive> {
  const { to } = loadEnvironment(project, stack, services).config.backup;
  const place = to === undefined ? stateSibling(project, "backups") : locationOf(project, to);
  const master = await readMaster(project, stack);
  return new Archive(stack, await openRepository(place), sealKey(master, stack));
}
