import type { LogStore } from "./store.ts";

/** Told when its lines up to this time stamp are stored. */
export interface Sender {
  stored(at: string): void;
}

export interface ShippingCounts {
  lines: number;
  bytes: number;
  /** Time stamp of the newest line that is stored. */
  lastAt: string;
}

const flushMs = 400;
const batchBytes = 256 * 1024;
/** Beyond this, whoever reads logs waits. */
const queueBytes = 1024 * 1024;

/** Collects lines of all containers and sends them in batches, one at a time, in order. */
export class Batches {
  readonly #store: LogStore;
  readonly #counts: ShippingCounts;
  #lines: string[] = [];
  #bytes = 0;
  #senders = new Map<Sender, string>();
  #full: PromiseWithResolvers<void> | undefined;
  #room: PromiseWithResolvers<void> | undefined;

  constructor(store: LogStore, counts: ShippingCounts) {
    this.#store = store;
    this.#counts = counts;
  }

  add(sender: Sender, at: string, line: string): void {
    this.#lines.push(line);
    this.#bytes += line.length;
    this.#senders.set(sender, at);
    if (this.#bytes >= batchBytes) this.#full?.resolve();
  }

  /** Resolves when more may be added. */
  async room(signal: AbortSignal): Promise<void> {
    while (this.#bytes >= queueBytes && !signal.aborted) {
      this.#room ??= Promise.withResolvers<void>();
      await this.#room.promise;
    }
  }

  /**
   * Sends what comes until the signal aborts; throws when the store fails. What is under way then is
   * finished, for the store may have taken it already, unless `lost` says that the store's process is no
   * more.
   */
  async run(signal: AbortSignal, lost: AbortSignal): Promise<void> {
    const stop = () => {
      this.#full?.resolve();
      this.#room?.resolve();
    };
    signal.addEventListener("abort", stop, { once: true });
    while (!signal.aborted) {
      if (this.#bytes < batchBytes) {
        this.#full = Promise.withResolvers<void>();
        const timer = setTimeout(this.#full.resolve, flushMs);
        await this.#full.promise;
        clearTimeout(timer);
      }
      await this.#send(lost);
    }
  }

  async #send(lost: AbortSignal): Promise<void> {
    if (this.#lines.length === 0) return;
    const lines = this.#lines;
    const senders = this.#senders;
    this.#lines = [];
    this.#bytes = 0;
    this.#senders = new Map();
    this.#room?.resolve();
    this.#room = undefined;
    await this.#store.insert(lines, lost);
    this.#counts.lines += lines.length;
    for (const line of lines) this.#counts.bytes += line.length;
    for (const [sender, at] of senders) {
      sender.stored(at);
      if (at > this.#counts.lastAt) this.#counts.lastAt = at;
    }
  }
}
