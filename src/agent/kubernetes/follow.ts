import type { IncomingMessage } from "node:http";
import type { Line } from "../lines.ts";

/** So much may have taken so long to read that the kubelet has begun a new file meanwhile. */
const riskyBytes = 256 * 1024;
const firstMs = 2_000;
/** A connection that says nothing for so long may be dead. */
const longestMs = 600_000;

/**
 * How long a log that is followed may be silent until it is opened again, because it may have come to a
 * standstill: the kubelet sees that it has begun a new file only from the end of the one before on. A file
 * that became full while it was still read is followed for ever, and the new one is not. After much that was
 * new it is not long, then ever longer.
 */
export class IdleTimeout {
  #ms = longestMs;
  #bytes = 0;
  #newest = "";

  get ms(): number {
    return this.#ms;
  }

  /** Lines have come; those that have come before don't count. */
  came(lines: readonly Line[], bytes: number): void {
    const at = lines.at(-1)?.at ?? "";
    if (at <= this.#newest) return;
    this.#newest = at;
    this.#bytes += bytes;
    if (this.#bytes > riskyBytes) this.#ms = firstMs;
  }

  /** Nothing has come for so long. */
  ends(): void {
    this.#bytes = 0;
    this.#ms = Math.min(this.#ms * 2, longestMs);
  }
}

/** The chunks of a log that is followed, until nothing has come for the idle timeout. */
export async function* chunksOf(answer: IncomingMessage, idleTimeout: IdleTimeout): AsyncIterable<Buffer> {
  const chunks = answer.iterator();
  let stopped = false;
  const stop = () => {
    stopped = true;
    idleTimeout.ends();
    answer.destroy();
  };
  try {
    for (;;) {
      const timer = setTimeout(stop, idleTimeout.ms);
      const next = await chunks.next().catch((error: Error) => {
        if (!stopped) throw error;
        return { done: true, value: undefined } as const;
      });
      clearTimeout(timer);
      if (next.done) return;
      yield next.value as Buffer;
    }
  } finally {
    answer.destroy();
  }
}
