import { setTimeout as sleep } from "node:timers/promises";

/**
 * Tries until the function neither throws nor returns false; the last reason is thrown when the time is over.
 */
export async function eventually(
  what: string,
  seconds: number,
  attempt: () => Promise<unknown> | unknown,
): Promise<number> {
  const began = performance.now();
  for (;;) {
    let reason: unknown = "it was not so";
    try {
      if ((await attempt()) !== false) return (performance.now() - began) / 1000;
    } catch (error) {
      reason = error;
    }
    if (performance.now() - began > seconds * 1000) {
      throw new Error(
        `${what}: not within ${seconds} s: ${reason instanceof Error ? reason.message : reason}`,
      );
    }
    await sleep(250);
  }
}
