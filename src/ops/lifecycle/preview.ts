import { resolve } from "node:path";
import { declare } from "../../declare.ts";
import type { EngineResult } from "../engine/engine.ts";
import { Planned, type PlannedOp, type PlannedStep, type PolicyViolation } from "../engine/plan-events.ts";
import { ensurePlugins } from "../engine/plugins.ts";
import { ensureStack, hasMasterSecret } from "../engine/stack.ts";
import { readIdentity } from "../engine/stack-identity.ts";
import { runOnStack } from "../engine/stack-run.ts";
import { type CapacityChange, capacityChange, capacityOf } from "../release/capacity.ts";
import { lastRelease } from "../release/release.ts";
import { type Reporter, runStep } from "../reporter.ts";
import { mandatory, policyArguments } from "./policy.ts";
import { type Risk, risksOf } from "./preview-risk.ts";
import { sealPlan } from "./saved-plan.ts";
import { prepareIngress } from "./stack-certificate.ts";

/** `datalab preview --json`. */
export interface PreviewResult {
  readonly stack: string;
  /** Count of resources by operation, as the engine counts. */
  readonly changes: Readonly<Record<string, number>>;
  readonly summary: Readonly<Record<PlannedOp | "same", number>>;
  readonly risks: readonly Risk[];
  readonly capacity: CapacityChange;
  readonly policy: {
    /** null: the pack was not run. */
    readonly rules: number | null;
    readonly violations: readonly PolicyViolation[];
  };
  /** What would be done; what stays as it is, is left out. */
  readonly steps: readonly PlannedStep[];
}

export interface PreviewOptions {
  readonly project: string;
  readonly stack: string;
  readonly refresh: boolean;
  readonly reporter: Reporter;
  /** Where the plan is saved. */
  readonly savePlan?: string;
  /** Whether the policy pack looks at every resource. @default true */
  readonly policy?: boolean;
  readonly onEngineLine?: (line: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Says what an up would do. Makes the stack's entry in the backend when there is none; touches nothing else.
 */
export async function preview(options: PreviewOptions): Promise<PreviewResult> {
  const { project, stack, signal, onEngineLine } = options;
  const { model } = declare(project, stack);
  await ensurePlugins(project, model, options.reporter);
  if (!hasMasterSecret(project, stack)) await ensureStack(project, stack);
  const [{ masterFingerprint }] = await Promise.all([
    readIdentity(project, stack),
    prepareIngress(project, model),
  ]);
  const planned = new Planned();
  const plan = options.savePlan && resolve(options.savePlan);
  const pack = options.policy === false ? undefined : policyArguments();
  const show = async (): Promise<[EngineResult, undefined]> => {
    const { result, error } = await runOnStack("preview", {
      project,
      stack,
      signal,
      ...(masterFingerprint && { env: { DATALAB_MASTER_FINGERPRINT: masterFingerprint } }),
      args: () => [
        ...(options.refresh ? ["--refresh"] : []),
        ...(plan ? ["--save-plan", plan] : []),
        ...(pack?.args ?? []),
      ],
      onEvent: (event) => planned.take(event),
      ...(onEngineLine && { onLine: onEngineLine }),
    });
    // A plan that breaks a policy is shown, with what it breaks; up refuses it.
    if (error && mandatory(planned.violations).length === 0) throw error;
    if (plan && !error) await sealPlan(project, model, plan);
    return [result, undefined];
  };
  const result = await runStep(options.reporter, "preview", show, { signal });
  const { steps, violations } = planned;
  const last = await lastRelease(project, stack);
  const count = (op: PlannedOp) => steps.filter((s) => s.op === op).length;
  return {
    stack,
    changes: result.changes,
    summary: {
      create: count("create"),
      update: count("update"),
      replace: count("replace"),
      delete: count("delete"),
      same: result.changes.same ?? 0,
    },
    risks: risksOf(steps),
    capacity: capacityChange(last?.capacity, capacityOf(model)),
    policy: { rules: pack?.rules ?? null, violations },
    steps: steps.map(({ op, type, name, urn, properties }) => ({ op, type, name, urn, properties })),
  };
}
