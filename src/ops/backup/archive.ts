import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { loadEnvironment } from "../../config/load.ts";
import { DatalabError } from "../../errors.ts";
import { services } from "../../services/index.ts";
import { locationOf, stateSibling } from "../engine/state-location.ts";
import { readMaster } from "../services/credentials.ts";
import { type BackupRecord, backupRecord, type Verification, verification } from "./record.ts";
import { openRepository, type Repository, type Stored } from "./repository.ts";
import { measure, type Sealed, type SealKey, seal, sealKey, unseal } from "./seal.ts";

/**
 * The backups of one stack: `<stack>/records/<id>.backup`, `<id>.verified` beside it, and `<stack>/blobs`
 * that they share, all sealed.
 */
export class Archive {
  readonly stack: string;
  readonly #repository: Repository;
  readonly #key: SealKey;
  #known: Set<string> | undefined;
  #drafts = 0;

  constructor(stack: string, repository: Repository, key: SealKey) {
    this.stack = stack;
    this.#repository = repository;
    this.#key = key;
  }

  /** For people. */
  get place(): string {
    return this.#repository.place;
  }

  /** Ids, oldest first. */
  async ids(): Promise<string[]> {
    const ids: string[] = [];
    for await (const { path } of this.#repository.list(`${this.stack}/records`)) {
      const id = /\/([^/]+)\.backup$/.exec(path)?.[1];
      if (id !== undefined) ids.push(id);
    }
    return ids.sort();
  }

  /** A backup by its id or `latest`. Throws E_BACKUP_UNKNOWN. */
  async find(word: string): Promise<BackupRecord> {
    const ids = await this.ids();
    const id = word === "latest" ? ids.at(-1) : ids.find((each) => each === word);
    if (id !== undefined) return this.read(id);
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

  async read(id: string): Promise<BackupRecord> {
    const value = await this.#readJson(this.#record(id, "backup"), id);
    const parsed = backupRecord.safeParse(value);
    if (parsed.success) return parsed.data;
    const issue = parsed.error.issues[0];
    throw new DatalabError(
      "E_BACKUP_FORMAT",
      `The record of backup ${id} can't be read (${issue?.path.join(".") || "the whole"}: ${issue?.message}).`,
      { hint: "Another version of DataLab wrote it." },
    );
  }

  write = (record: BackupRecord): Promise<void> => this.#writeJson(this.#record(record.id, "backup"), record);

  /** When all of it was last read back; undefined: never. */
  async verified(id: string): Promise<Verification | undefined> {
    const path = this.#record(id, "verified");
    if (!(await this.#repository.has(path))) return undefined;
    return verification.parse(await this.#readJson(path, id));
  }

  markVerified = (id: string, found: Verification): Promise<void> =>
    this.#writeJson(this.#record(id, "verified"), found);

  /** Keeps a stream's content; what is kept already is not written again. */
  async save(content: Readable): Promise<Sealed> {
    const draft = await this.#draft();
    try {
      const sealed = await seal(this.#key, content, draft);
      if (!(await this.holds(sealed.id))) {
        await this.#repository.put(this.#path(sealed.id), draft);
        this.#known?.add(sealed.id);
      }
      return sealed;
    } finally {
      await rm(draft, { force: true });
    }
  }

  async holds(blob: string): Promise<boolean> {
    if (!this.#known) {
      this.#known = new Set();
      for await (const { path } of this.blobs()) this.#known.add(path.slice(-64));
    }
    return this.#known.has(blob);
  }

  /** The content of a blob. The stream ends with an error when it is not as it was. */
  async open(blob: string): Promise<Readable> {
    const stored = await this.#repository.read(this.#path(blob));
    if (!stored) throw damaged(blob, "it is missing");
    return unseal(this.#key, stored);
  }

  /**
   * Reads a blob to its end. Throws E_BACKUP_DAMAGED unless it is what its name says. Returns the size of its
   * content.
   */
  async check(blob: string): Promise<number> {
    const found = await measure(this.#key, await this.open(blob)).catch((error: Error) => {
      throw error instanceof DatalabError ? error : damaged(blob, error.message);
    });
    if (found.id !== blob) throw damaged(blob, "its name does not match its content");
    return found.bytes;
  }

  blobs = (): AsyncGenerator<Stored> => this.#repository.list(`${this.stack}/blobs`);

  removeBlob = ({ path }: Stored): Promise<void> => this.#repository.remove(path);

  async remove(id: string): Promise<void> {
    await this.#repository.remove(this.#record(id, "backup"));
    await this.#repository.remove(this.#record(id, "verified"));
  }

  close(): void {
    this.#repository.close();
  }

  #record(id: string, kind: "backup" | "verified"): string {
    return `${this.stack}/records/${id}.${kind}`;
  }

  #path(blob: string): string {
    return `${this.stack}/blobs/${blob.slice(0, 2)}/${blob}`;
  }

  async #draft(): Promise<string> {
    await mkdir(this.#repository.draft, { recursive: true, mode: 0o700 });
    this.#drafts += 1;
    return join(this.#repository.draft, `${process.pid}-${this.#drafts}`);
  }

  async #writeJson(path: string, value: unknown): Promise<void> {
    const draft = await this.#draft();
    await seal(this.#key, Readable.from([Buffer.from(JSON.stringify(value))]), draft);
    await this.#repository.put(path, draft);
  }

  async #readJson(path: string, id: string): Promise<unknown> {
    const stored = await this.#repository.read(path);
    if (!stored) throw damaged(id, "its record is missing");
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of unseal(this.#key, stored)) chunks.push(chunk as Buffer);
    } catch (error) {
      throw damaged(id, (error as Error).message);
    }
    return JSON.parse(Buffer.concat(chunks).toString());
  }
}

const damaged = (what: string, why: string): DatalabError =>
  new DatalabError("E_BACKUP_DAMAGED", `${what} of the backup can't be used: ${why}.`, {
    hint: "./datalab backup verify shows which backups are intact.",
  });

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
