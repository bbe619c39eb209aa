import { Readable } from "node:stream";
import { DatalabError } from "../../errors.ts";
import type { Repaired } from "./record.ts";
import type { Stored } from "./repository.ts";
import { NotAsSealed, type Place, type Sealed } from "./seal.ts";
import { damaged, isUnreadable, type SealedFiles } from "./sealed-files.ts";

/** What the backups of a stack share: each content once, in `<stack>/blobs/<xx>/<its name>`. */
export class Blobs {
  readonly #stack: string;
  readonly #files: SealedFiles;
  #known: Set<string> | undefined;
  /** What this run has read before it relied on it: the size of the content, or what is wrong. */
  readonly #checked = new Map<string, Promise<number | DatalabError>>();
  readonly #repaired: Repaired[] = [];

  constructor(stack: string, files: SealedFiles) {
    this.#stack = stack;
    this.#files = files;
  }

  /** Those that this run has found damaged, and has written anew. */
  get repaired(): readonly Repaired[] {
    return this.#repaired;
  }

  /** Keeps a stream's content; what is kept already, and is as it should be, is not written again. */
  async save(content: Readable): Promise<Sealed> {
    let why: number | DatalabError | undefined;
    let isNew = false;
    const sealed = await this.#files.put(
      content,
      ({ id }) => this.#place(id),
      async ({ id }) => {
        isNew = !(await this.holds(id));
        why = await this.#checked.get(id);
        return isNew;
      },
    );
    const { id } = sealed;
    if (isNew) {
      this.#known?.add(id);
      // What has just been written is read before anybody relies on it.
      this.#checked.delete(id);
      if (why instanceof DatalabError && !this.#repaired.some((each) => each.blob === id))
        this.#repaired.push({ blob: id, why: why.message });
    }
    return sealed;
  }

  /**
   * Whether a blob is there and is what its name says, for which all of it is read, once: that there is a
   * file of its name does not tell, and no backup that relies on a damaged one could ever be made.
   */
  async holds(blob: string): Promise<boolean> {
    if (!this.#known) {
      const known = new Set<string>();
      for await (const { path } of this.list()) known.add(path.slice(-64));
      this.#known ??= known;
    }
    return this.#known.has(blob) && !((await this.#checkOnce(blob)) instanceof DatalabError);
  }

  isStored = (blob: string): Promise<boolean> => this.#files.repository.has(this.#place(blob).path);

  /**
   * The content of a blob. The stream ends with an error when it is not as it was, or not what its name says.
   */
  async open(blob: string): Promise<Readable> {
    const place = this.#place(blob);
    const stored = await this.#files.repository.read(place.path);
    if (!stored) throw damaged(blob, "it is missing");
    return Readable.from(this.#named(blob, this.#files.unsealed(place, stored)), { objectMode: false });
  }

  /**
   * Reads a blob to its end. Throws E_BACKUP_DAMAGED unless it is what its name says. Returns the size of its
   * content.
   */
  check = async (blob: string): Promise<number> => {
    const read = async () => {
      let bytes = 0;
      for await (const chunk of await this.open(blob)) bytes += (chunk as Buffer).length;
      return bytes;
    };
    try {
      // What comes wrong through a connection that breaks may come right the second time.
      return await read().catch((error: unknown) => {
        if (error instanceof NotAsSealed || error instanceof DatalabError) throw error;
        return read();
      });
    } catch (error) {
      throw error instanceof DatalabError ? error : damaged(blob, (error as Error).message);
    }
  };

  /** The same, but what this run has read already is not read again. */
  checkOnce = async (blob: string): Promise<number> => {
    const found = await this.#checkOnce(blob);
    if (found instanceof DatalabError) throw found;
    return found;
  };

  list = (): AsyncGenerator<Stored> => this.#files.repository.list(`${this.#stack}/blobs`);

  remove = ({ path }: Stored): Promise<void> => this.#files.repository.remove(path);

  #checkOnce(blob: string): Promise<number | DatalabError> {
    let checking = this.#checked.get(blob);
    checking ??= this.check(blob).catch((error: unknown) => {
      if (isUnreadable(error)) return error;
      throw error;
    });
    this.#checked.set(blob, checking);
    return checking;
  }

  async *#named(blob: string, content: Readable): AsyncGenerator<Buffer> {
    const counted = this.#files.meter();
    for await (const chunk of content as AsyncIterable<Buffer>) {
      counted.take(chunk);
      yield chunk;
    }
    if (counted.end().id !== blob) throw damaged(blob, "its name does not match its content");
  }

  #place(blob: string): Place {
    return { kind: "blob", path: `${this.#stack}/blobs/${blob.slice(0, 2)}/${blob}` };
  }
}
