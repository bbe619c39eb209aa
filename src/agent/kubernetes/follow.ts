import type { IncomingMessage } from "node:http";

/** Nothing for so long: what was there when the log was opened has been read. */
const caughtUpMs = 2_000;
/** More than this to catch up with may have taken so long that the kubelet has begun a new file meanwhile. */
const riskyBytes = 256 * 1024;
/** A connection that says nothing for so long may be dead. */
const silentMs = 600_000;

/**
 * The chunks of a log that is followed. It is ended, so that it is opened again, where it may have come to a standstill: the
 * kubelet sees that it has begun a new file only once it has reached the end of the one before. A file that became full
 * while it was still read is followed for ever, and the new one is not.
 */
export async function* chunksOf(answer: IncomingMessage): AsyncIterable<Buffer> {
  const chunks = answer.iterator();
  let bytes = 0;
  let caughtUp = false;
  let stopped = false;
  const stop = () => {
    stopped = true;
    answer.destroy();
  };
  try {
    for (;;) {
      let timer = setTimeout(
        () => {
          if (caughtUp || bytes > riskyBytes) return stop();
          caughtUp = true;
          timer = setTimeout(stop, silentMs);
        },
        caughtUp ? silentMs : caughtUpMs,
      );
      const next = await chunks.next().catch((error: Error) => {
        if (!stopped) throw error;
        return { done: true, value: undefined } as const;
      });
      clearTimeout(timer);
      if (next.done) return;
      bytes += (next.value as Buffer).length;
      yield next.value as Buffer;
    }
  } finally {
    answer.destroy();
  }
}
