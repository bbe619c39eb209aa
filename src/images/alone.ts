/** One process at a time, whichever program it is: set-up and builds of images share Go's cache. */
import { spawn } from "node:child_process";

/**
 * Does the work while no other process holds this file's lock. The system lets go of it when this process
 * ends, however it ends. Where there is no `flock`, nothing is waited for: what two compile at once is
 * compiled twice, and right.
 */
export async function alone<T>(
  lock: string,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  // It holds the lock for as long as its input is open.
  const holder = spawn("flock", [lock, "sh", "-c", "echo held; exec cat"], {
    stdio: ["pipe", "pipe", "ignore"],
    ...(signal && { signal }),
  });
  let missing = false;
  const ended = new Promise<void>((resolve) => holder.once("close", () => resolve()));
  try {
    await new Promise<void>((resolve, reject) => {
      holder.once("error", (error: NodeJS.ErrnoException) => {
        if (error.code !== "ENOENT") return reject(error);
        missing = true;
        resolve();
      });
      holder.stdout.once("data", () => resolve());
      holder.once("close", () => resolve());
    });
    return await work();
  } finally {
    holder.stdin.end();
    if (!missing) await ended;
  }
}
