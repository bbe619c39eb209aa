import { deploymentTargetOf } from "../../declare.ts";
import { DatalabError } from "../../errors.ts";
import type { DeploymentTarget } from "../../model/platform.ts";
import { throwIfAborted } from "../abort.ts";
import type { EngineStep } from "../engine/engine.ts";
import { ensurePlugins } from "../engine/plugins.ts";
import { initStack } from "../engine/stack.ts";
import { forgetAll, isAllGone, volumesToGo } from "../engine/stack-forget.ts";
import { readIdentity } from "../engine/stack-identity.ts";
import { runOnStack } from "../engine/stack-run.ts";
import { readSettledState, readState } from "../engine/stack-state.ts";
import { type Reporter, runStep, type Step } from "../reporter.ts";
import { withStackLock } from "../stack-lock.ts";
import { managed } from "../state-resource.ts";
import type { Host, Inventory, KeptVolume, StackObject, Timeouts } from "../target.ts";
import { hostOf } from "../targets.ts";
import { checkOwnership } from "./ownership.ts";
import { isWorkload } from "./readiness.ts";
import { describeChanges } from "./up-text.ts";

export interface DownOptions extends Timeouts {
  readonly project: string;
  readonly stack: string;
  readonly deleteData: boolean;
  readonly reporter: Reporter;
  readonly onEngineLine?: (line: string) => void;
  readonly signal: AbortSignal;
}

export interface DownResult {
  readonly stack: string;
  readonly changes: Readonly<Record<string, number>>;
  /** Data volumes that are still there: the next up adopts them. */
  readonly kept: readonly KeptVolume[];
  readonly deleted: readonly string[];
}

/**
 * Takes a stack down, in phases: what services have started themselves, the stack's resources, whatever else
 * carries its labels, data when that is wanted, and an inventory that proves it. Data volumes stay unless
 * they are to be deleted. Each phase takes what it finds, so that an interrupted one is finished by running
 * it again. Throws when something is left.
 */
export async function down(options: DownOptions): Promise<DownResult> {
  const { project, stack } = options;
  const target = deploymentTargetOf(project, stack);
  return withStackLock({ ...options, target }, "datalab down", (signal) =>
    takeDown({ ...options, signal }, target),
  );
}

async function takeDown(options: DownOptions, target: DeploymentTarget): Promise<DownResult> {
  const { project, stack, deleteData, reporter, signal } = options;
  const host = await hostOf(target, options);
  await ensurePlugins(project, target, reporter);
  const [identity, before] = await Promise.all([
    readIdentity(project, stack),
    host.inventory(stack, { sizes: false }),
  ]);
  checkOwnership(stack, identity, before);
  const { exists } = identity;
  if (exists) await phase(reporter, "spawned", () => removeSpawned(options, host));
  const { changes, inventory } = await phase(reporter, "engine", async (step) => {
    const made: Destroyed = exists ? await destroy(options, host, step) : { changes: {} };
    return [made, describeChanges(made.changes)];
  });
  throwIfAborted(signal);
  const found = inventory ?? (await host.inventory(stack, { sizes: false }));
  await phase(reporter, "leftovers", async () => {
    await host.removeLeftovers(found.objects);
    return [undefined, found.objects.length === 0 ? undefined : `removed ${names(found.objects)}`];
  });
  throwIfAborted(signal);
  const deleted = deleteData ? found.volumes.map(({ name }) => name) : [];
  await phase(reporter, "data", async () => {
    await host.removeVolumes(deleted);
    return [undefined, deleted.length === 0 ? undefined : `deleted ${deleted.join(", ")}`];
  });
  const kept = await phase(reporter, "inventory", async () => {
    const left = await host.inventory(stack, { sizes: !deleteData });
    const remaining = [
      ...left.objects.map(({ kind, name }) => `${kind} ${name}`),
      ...(deleteData ? left.volumes.map((v) => v.name) : []),
    ];
    if (remaining.length > 0) throw somethingLeft(stack, remaining);
    const volumes = left.volumes.length;
    return [
      left.volumes,
      volumes === 0
        ? "nothing is left"
        : `${volumes === 1 ? "1 data volume is" : `${volumes} data volumes are`} kept, nothing else is left`,
    ];
  });
  return { stack, changes, kept, deleted };
}

/** A phase that had nothing to do says nothing. */
const phase = <T>(
  reporter: Reporter,
  name: string,
  work: (step: Step) => Promise<readonly [T, string | undefined]>,
): Promise<T> => runStep(reporter, name, work, { lazy: true });

const names = (objects: readonly StackObject[]): string =>
  objects.map(({ kind, name }) => `${kind} ${name}`).join(", ");

function somethingLeft(stack: string, remaining: readonly string[]): DatalabError {
  return new DatalabError(
    "E_DOWN_INCOMPLETE",
    `The stack ${stack} is removed, except for: ${remaining.join(", ")}`,
    {
      hint: "Another process may be using it; run ./datalab down again when that has ended.",
    },
  );
}

async function removeSpawned(
  { stack }: DownOptions,
  host: Host,
): Promise<readonly [undefined, string | undefined]> {
  const removed = await host.removeSpawned(stack);
  return [undefined, removed.length === 0 ? undefined : `removed ${removed.join(", ")}`];
}

interface Destroyed {
  readonly changes: Readonly<Record<string, number>>;
  /** What was left then, where it was looked at. */
  readonly inventory?: Inventory;
}

async function destroy(options: DownOptions, host: Host, step: Pick<Step, "update">): Promise<Destroyed> {
  const { project, stack, signal, onEngineLine } = options;
  let gone = 0;
  let found = 0;
  const onStep = ({ op, state, name, type }: EngineStep) => {
    if (op !== "delete") return;
    if (state === "done") gone += 1;
    if (isWorkload(type)) step.update(`${gone} gone, removing ${name}`);
  };
  const run = () =>
    runOnStack("destroy", {
      project,
      stack,
      signal,
      host,
      onStep,
      ...(onEngineLine && { onLine: onEngineLine }),
      // What is gone already need not be removed, and counts all the same.
      ...(host.removeObjects && { args: () => ["--refresh"] }),
      onEvent: ({ resOutputsEvent }) => {
        if (resOutputsEvent?.metadata.op === "refresh" && !resOutputsEvent.metadata.new) found += 1;
      },
    });
  if (host.removeObjects) {
    step.update("stopping in order");
    const forgotten = await removeAndForget(project, stack, host).catch(() => undefined);
    throwIfAborted(signal);
    if (forgotten) return forgotten;
    // The engine removes what is still there, or says why it can't.
  }
  await initStack(project, stack);
  let { result, error } = await run();
  // The hub may have started another one before it ended itself.
  if (error && !signal.aborted && (await host.removeSpawned(stack)).length > 0) {
    ({ result, error } = await run());
  }
  throwIfAborted(signal);
  if (error) throw error;
  const { delete: deleted = 0, ...changes } = result.changes;
  return { changes: { ...changes, ...deletions(deleted + found) } };
}

const deletions = (count: number): Readonly<Record<string, number>> => (count > 0 ? { delete: count } : {});

/**
 * Removes what the state lets go and drops it from there: an engine would ask for each of them, one by one,
 * to learn that it is gone. Undefined when something is left for the engine.
 */
async function removeAndForget(project: string, stack: string, host: Host): Promise<Destroyed | undefined> {
  // Read while containers take their time to stop. One that can't be read is the engine's to tell of.
  const reading = readSettledState(project, stack).catch(() => undefined);
  await host.removeObjects?.(stack);
  const state = await reading;
  if (!state) return undefined;
  const found = await host.inventory(stack, { sizes: false });
  const going = volumesToGo(stack, state, found);
  await host.removeVolumes(going);
  const inventory = { ...found, volumes: found.volumes.filter(({ name }) => !going.includes(name)) };
  if (!isAllGone(stack, state, inventory)) return undefined;
  if (state.length > 0) await forgetAll(project, stack);
  // As the engine counts.
  const count = state.filter(({ type }) => !type.startsWith("pulumi:providers:")).length;
  return { changes: deletions(count), inventory };
}

/** `datalab down --dry-run --json`: what a down would do. */
export interface DownPlan {
  readonly stack: string;
  /** What services have started themselves. */
  readonly spawned: readonly string[];
  /** Count of resources in the state. */
  readonly resources: number;
  /** What else carries the stack's labels. */
  readonly objects: readonly StackObject[];
  readonly volumes: readonly (KeptVolume & { readonly fate: "kept" | "deleted" })[];
}

/** What a down would take away, and what it would keep. Touches nothing. */
export async function planDown(
  options: Pick<DownOptions, "project" | "stack" | "deleteData">,
): Promise<DownPlan> {
  const { project, stack, deleteData } = options;
  const host = await hostOf(deploymentTargetOf(project, stack));
  const identity = await readIdentity(project, stack);
  const [state, found, spawned] = await Promise.all([
    identity.exists ? readState(project, stack) : [],
    host.inventory(stack, { sizes: true }),
    host.spawned(stack),
  ]);
  checkOwnership(stack, identity, found);
  const resources = managed(state);
  // The engine deletes what it does not have to retain.
  const goes = new Set(
    resources.flatMap(({ retainOnDelete, inputs }) =>
      retainOnDelete ? [] : [inputs?.name, inputs?.metadata?.name],
    ),
  );
  return {
    stack,
    spawned,
    resources: resources.length,
    objects: found.objects,
    volumes: found.volumes.map((volume) => ({
      ...volume,
      fate: deleteData || goes.has(volume.name) ? "deleted" : "kept",
    })),
  };
}
