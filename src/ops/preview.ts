import { DatalabError } from "../config/error.ts";
import { declare } from "./deployment.ts";
import { type EngineStep, engineError, runEngine } from "./engine.ts";
import { stopIfAborted } from "./interrupt.ts";
import type { Reporter } from "./reporter.ts";
import { ensureStack, hasMasterSecret } from "./stack.ts";

export interface PreviewResult {
  readonly stack: string;
  readonly changes: Readonly<Record<string, number>>;
  /** What would be done, in the engine's order; what stays as it is, is left out. */
  readonly steps: readonly Pick<EngineStep, "op" | "type" | "name" | "urn">[];
}

/** Says what an up would do. Makes the stack's entry in the backend when there is none; touches nothing else. */
export async function preview(options: {
  readonly project: string;
  readonly stack: string;
  readonly refresh: boolean;
  readonly reporter: Reporter;
  readonly onEngineLine?: (line: string) => void;
  readonly signal: AbortSignal;
}): Promise<PreviewResult> {
  const { project, stack, signal, onEngineLine } = options;
  declare(project, stack);
  if (!hasMasterSecret(project, stack)) await ensureStack(project, stack);
  const step = options.reporter.step("preview");
  const run = () =>
    runEngine("preview", {
      project,
      stack,
      signal,
      args: options.refresh ? ["--refresh"] : [],
      ...(onEngineLine && { onLine: onEngineLine }),
    });
  let result = await run();
  let error = result.code === 0 ? undefined : engineError(result, stack);
  if (error?.code === "E_NOT_DEPLOYED") {
    await ensureStack(project, stack);
    result = await run();
    error = result.code === 0 ? undefined : engineError(result, stack);
  }
  if (result.code !== 0) {
    step.fail();
    stopIfAborted(signal);
    throw (
      error ??
      new DatalabError("E_STALE_LOCK", `A killed run has left the lock of stack ${stack}.`, {
        hint: "./datalab up recovers it.",
      })
    );
  }
  const steps = new Map(
    result.steps.filter((s) => !["same", "refresh", "read"].includes(s.op)).map((s) => [s.urn, s]),
  );
  step.done();
  return {
    stack,
    changes: result.changes,
    steps: [...steps.values()].map(({ op, type, name, urn }) => ({ op, type, name, urn })),
  };
}
