import { declare } from "./deployment.ts";
import type { EngineStep } from "./engine.ts";
import { stopIfAborted } from "./interrupt.ts";
import type { Reporter } from "./reporter.ts";
import { ensureStack, hasMasterSecret } from "./stack.ts";
import { prepareWayIn } from "./stack-certificate.ts";
import { runOnStack } from "./stack-run.ts";

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
  const { model } = declare(project, stack);
  if (!hasMasterSecret(project, stack)) await ensureStack(project, stack);
  await prepareWayIn(project, model);
  const step = options.reporter.step("preview");
  const { result, error } = await runOnStack("preview", {
    project,
    stack,
    signal,
    args: () => (options.refresh ? ["--refresh"] : []),
    ...(onEngineLine && { onLine: onEngineLine }),
  });
  if (error) {
    step.fail();
    stopIfAborted(signal);
    throw error;
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
