import { DatalabError } from "../errors.ts";

/** Throws E_INTERRUPTED (exit 130) when the signal has aborted. */
export function throwIfAborted(signal: AbortSignal): void {
  if (!signal.aborted) return;
  throw new DatalabError("E_INTERRUPTED", "Interrupted.", {
    hint: "Created resources are kept; run the same command again to continue.",
  });
}
