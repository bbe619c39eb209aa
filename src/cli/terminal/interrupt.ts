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
