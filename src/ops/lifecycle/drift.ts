import { siteOf } from "../../declare.ts";
import type { PlatformModel } from "../../model/platform.ts";
import { runEngine } from "../engine/engine.ts";
import { Planned } from "../engine/plan-events.ts";
import { pulumiError } from "../engine/pulumi-cli.ts";
import { knownNames } from "../engine/recover.ts";
import { readState, type StateResource } from "../engine/stack-state.ts";
import { stopIfAborted } from "../interrupt.ts";
import { lockStack } from "../lock.ts";
import type { Reporter } from "../reporter.ts";
import { type Host, hostOf, type StackObject } from "../target.ts";
import { type DriftItem, type DriftReport, driftReport } from "./drift-report.ts";
import { kindOf } from "./preview-text.ts";

export interface DriftOptions {
  readonly project: string;
  readonly stack: string;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
  readonly onEngineLine?: (line: string) => void;
}

/** What a target sees beyond the engine's refresh, and what is there that no state knows. */
type Probe = (
  stack: string,
  state: readonly StateResource[],
  options: DriftOptions,
  host: Host,
) => Promise<readonly DriftItem[]>;

const probes: Readonly<Record<PlatformModel["target"], Probe>> = {
  docker: async (stack, state) => (await import("../docker/drift.ts")).dockerDrift(stack, state),
  kubernetes: labelledStrangers,
  aws: labelledStrangers,
};

/** Whatever carries the stack's label and is in no state, and what lies in its place without the label. */
async function labelledStrangers(
  stack: string,
  _state: readonly StateResource[],
  { project }: DriftOptions,
  host: Host,
): Promise<DriftItem[]> {
  const [known, { objects }, spawned, foreign = []] = await Promise.all([
    knownNames(project, stack),
    host.inventory(stack, { sizes: false }),
    host.spawned(stack),
    host.foreign?.(),
  ]);
  const unknown = objects.filter(
    ({ kind, name }) => !known.has(name) && !known.has(`${kind}/${name}`) && !spawned.includes(name),
  );
  const found = (what: DriftItem["what"], details: string, repair: DriftItem["repair"]) => {
    return ({ kind, name }: StackObject): DriftItem => ({ what, kind, name, details, repair, urn: null });
  };
  return [
    ...unknown.map(found("unknown", "it has the stack's label but is not in the state", "remove")),
    ...foreign.map(
      found("foreign", "it is in the stack's namespace but does not belong to the stack", "people"),
    ),
  ];
}

/** Compares what runs with what was deployed, whatever the files say now. Changes nothing. */
export async function drift(options: DriftOptions): Promise<DriftReport> {
  const { project, stack, reporter, signal } = options;
  const site = siteOf(project, stack);
  const host = await hostOf(site);
  const step = reporter.step("drift");
  try {
    // Secrets are opened to compare files with what was written to them.
    const state = await readState(project, stack, { secrets: true });
    const probed = await probes[site.target](stack, state, options, host);
    const refreshed = await refresh(options);
    const report = driftReport(stack, [...probed, ...refreshed]);
    step.done(report.items.length === 0 ? "none" : `${report.items.length} found`);
    return report;
  } catch (error) {
    step.fail();
    stopIfAborted(signal);
    throw error;
  }
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

/** Puts right what the program has made, and removes what carries its labels and nobody knows. Data is never removed. */
export async function repairDrift(options: DriftOptions, before: DriftReport): Promise<RepairResult> {
  const { project, stack, reporter, signal, onEngineLine } = options;
  const host = await hostOf(siteOf(project, stack));
  const of = (repair: DriftItem["repair"]) => before.items.filter((one) => one.repair === repair);
  // Another container that has the name of ours stands in the way of making ours again.
  const inTheWay = of("replace").filter(({ details }) => details.startsWith("another container"));
  const remove = [...of("remove"), ...inTheWay].map(({ kind, name }) => ({ kind, name }));
  if (remove.length > 0) {
    const lock = lockStack(project, stack, "datalab drift --repair");
    try {
      await host.removeLeftovers(remove);
    } finally {
      lock.release();
    }
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
