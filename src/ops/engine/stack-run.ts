import { DatalabError } from "../../errors.ts";
import type { Host } from "../target.ts";
import {
  type EngineCommand,
  type EngineOptions,
  type EngineResult,
  engineError,
  runEngine,
} from "./engine.ts";
import { recover } from "./recover.ts";
import { ensureStack } from "./stack.ts";

export interface StackRunOptions extends Omit<EngineOptions, "args"> {
  /** Asked for anew before each try. */
  readonly args?: () => readonly string[] | Promise<readonly string[]>;
  /** What puts right what a killed run has left; without it such a stack is only reported. */
  readonly host?: Host;
  readonly onRecover?: () => void;
}

/** How a run ended; `error` says why it failed. */
export interface StackRun {
  readonly result: EngineResult;
  readonly error: DatalabError | undefined;
}

/**
 * Runs the engine on a stack as people leave it: one that is not in this backend yet is made, and one whose
 * engine was killed is put right; then the engine runs again.
 */
export async function runOnStack(command: EngineCommand, options: StackRunOptions): Promise<StackRun> {
  const { project, stack, args, host, onRecover, ...rest } = options;
  const run = async () => {
    const result = await runEngine(command, {
      ...rest,
      project,
      stack,
      args: (await args?.()) ?? [],
      ...(host?.parallel !== undefined && { parallel: host.parallel }),
    });
    const failed = result.code !== 0;
    const error = failed ? engineError(result, stack) : undefined;
    return { result, error, stale: failed && error === undefined };
  };
  let last = await run();
  if (last.error?.code === "E_NOT_DEPLOYED") {
    // The stack's file came with the repository.
    await ensureStack(project, stack);
    last = await run();
  }
  if (last.stale && host) {
    onRecover?.();
    await recover(project, stack, host);
    last = await run();
  }
  return { result: last.result, error: last.stale ? staleLock(stack) : last.error };
}

const staleLock = (stack: string): DatalabError =>
  new DatalabError("E_STALE_LOCK", `A killed run has left the lock of stack ${stack}.`, {
    hint: "./datalab up recovers it.",
  });
