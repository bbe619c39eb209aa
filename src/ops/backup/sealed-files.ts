import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { DatalabError } from "../../errors.ts";
import type { Repository } from "./repository.ts";
import { meter, type Place, type Sealed, type SealKey, seal, unseal } from "./seal.ts";

/** The files of a repository, as who has the key sees them. */
export class SealedFiles {
  readonly repository: Repository;
  readonly #key: SealKey;
  #drafts = 0;

  constructor(repository: Repository, key: SealKey) {
    this.repository = repository;
    this.#key = key;
  }

  /** Seals a stream, and keeps it where its content tells unless it is not wanted there. */
  async put(
    content: Readable,
    placeOf: (sealed: Sealed) => Place,
    isWanted: (sealed: Sealed) => Promise<boolean> = async () => true,
  ): Promise<Sealed> {
    await mkdir(this.repository.draft, { recursive: true, mode: 0o700 });
    this.#drafts += 1;
    const draft = join(this.repository.draft, `${process.pid}-${this.#drafts}`);
    try {
      const sealed = await seal(this.#key, content, draft, placeOf);
      if (await isWanted(sealed)) await this.repository.put(placeOf(sealed).path, draft);
      return sealed;
    } finally {
      await rm(draft, { force: true });
    }
  }

  unsealed = (place: Place, stored: Readable): Readable => unseal(this.#key, place, stored);

  /** The name that content has as a blob. */
  nameOf(content: Buffer): string {
    const counted = this.meter();
    counted.take(content);
    return counted.end().id;
  }

  meter = () => meter(this.#key);
}

export const damaged = (what: string, why: string): DatalabError =>
  new DatalabError("E_BACKUP_DAMAGED", `${what} of the backup can't be used: ${why}.`, {
    hint: "./datalab backup verify shows which backups are intact.",
  });

/** Whether it tells of one backup, not of the place where all are. */
export const isUnreadable = (error: unknown): error is DatalabError =>
  error instanceof DatalabError && (error.code === "E_BACKUP_DAMAGED" || error.code === "E_BACKUP_FORMAT");
