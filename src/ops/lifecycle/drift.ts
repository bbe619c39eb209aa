import { deploymentTargetOf } from "../../declare.ts";
import { runEngine } from "../engine/engine.ts";
import { Planned } from "../engine/plan-events.ts";
import { pulumiError } from "../engine/pulumi-cli.ts";
import { readState } from "../engine/stack-state.ts";
import { type Reporter, runStep } from "../reporter.ts";
import { withStackLock } from "../stack-lock.ts";
import type { DriftItem } from "../target.ts";
import { driftOf, hostOf } from "../targets.ts";
import { type DriftReport, driftReport } from "./drift-report.ts";
import { kindOf } from "./preview-text.ts";

export interface DriftOptions {
  readonly project: string;
  readonly stack: string;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
  readonly onEngineLine?: (line: string) => void;
}

/** Compares what runs with what was deployed, whatever the files say now. Changes nothing. */
export async function drift(options: DriftOptions): Promise<DriftReport> {
  const { project, stack, reporter, signal } = options;
  const target = deploymentTargetOf(project, stack);
  const host = await hostOf(target);
  const compare = async (): Promise<[DriftReport, string]> => {
    // Secrets are opened to compare files with what was written to them.
    const state = await readState(project, stack, { secrets: true });
    const probed = await driftOf(target, stack, state, host);
    const refreshed = await refresh(options);
    const report = driftReport(stack, [...probed, ...refreshed]);
    return [report, report.items.length === 0 ? "none" : `${report.items.length} found`];
  };
  return runStep(reporter, "drift", compare, { signal });
}

/** What the engine's refresh would change in the state. */
async function refresh({ project, stack, signal, onEngineLine }: DriftOptions): Promise<DriftItem[]> {
  const planned = new Planned();
  const result = await runEngine("refresh", {
    project,
    stack,
    signal,
    args: ["--preview-only"],
    onEvent: (event) => planned.take(event),
    ...(onEngineLine && { onLine: onEngineLine }),
  });
  if (result.code !== 0) throw pulumiError(result.stderr || result.errors.join("\n"), stack);
  return planned.steps.map(({ op, type, name, urn, properties }) => ({
    what: op === "delete" ? "missing" : "changed",
    kind: kindOf(type),
    name,
    details: op === "delete" ? "it does not exist" : `changed: ${properties.map((p) => p.path).join(", ")}`,
    repair: "up",
    urn,
  }));
}

export interface RepairResult {
  readonly before: DriftReport;
  readonly after: DriftReport;
}

/**
 * Puts right what the program has made, and removes what carries its labels and nobody knows. Data is never
 * removed.
 */
export async function repairDrift(options: DriftOptions, before: DriftReport): Promise<RepairResult> {
  const { project, stack, reporter, signal, onEngineLine } = options;
  const host = await hostOf(deploymentTargetOf(project, stack));
  const of = (repair: DriftItem["repair"]) => before.items.filter((one) => one.repair === repair);
  // Another container that has the name of ours stands in the way of making ours again.
  const inTheWay = of("replace").filter(({ details }) => details.startsWith("another container"));
  const remove = [...of("remove"), ...inTheWay].map(({ kind, name }) => ({ kind, name }));
  if (remove.length > 0) {
    await withStackLock(options, "datalab drift --repair", () => host.removeLeftovers(remove));
  }
  const again = of("replace").filter((one) => !inTheWay.includes(one));
  if (of("up").length + of("replace").length > 0) {
    const { up } = await import("./up.ts");
    await up({
      project,
      stack,
      reporter,
      signal,
      setupSeconds: 0,
      refresh: true,
      replace: again.flatMap(({ urn }) => urn ?? []),
      ...(onEngineLine && { onEngineLine }),
    });
  }
  return { before, after: await drift(options) };
}
