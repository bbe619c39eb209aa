import { say } from "./output.ts";

/**
 * A signal that aborts at the first Ctrl-C or SIGTERM. What is under way is finished; a third time ends the
 * process, which leaves the engine to itself.
 */
export function interruptible(): AbortSignal {
  const controller = new AbortController();
  let count = 0;
  const onSignal = () => {
    count += 1;
    if (count === 1) say("Stopping. Running steps are finished first, so that nothing is left incomplete.");
    if (count === 2) say("Press Ctrl-C again to stop immediately; the next up then has to recover.");
    if (count > 2) process.exit(130);
    controller.abort();
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  return controller.signal;
}

const cancelSignals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Runs work with a signal that aborts at the first Ctrl-C, SIGTERM or SIGHUP and cancels what goes on inside
 * the platform. The second one ends the process at once.
 */
export async function cancellable<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const onSignal = () => {
    if (controller.signal.aborted) process.exit(130);
    say("Cancelling. Press Ctrl-C again to end without waiting for it.");
    controller.abort();
  };
  for (const name of cancelSignals) process.on(name, onSignal);
  try {
    return await work(controller.signal);
  } finally {
    for (const name of cancelSignals) process.off(name, onSignal);
  }
}
