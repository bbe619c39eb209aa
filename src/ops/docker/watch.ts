import { labelNames } from "../../model/names.ts";
import { lastLines } from "../process.ts";
import type { FailedOneShot, UpdateView, WorkloadFailure } from "../target.ts";
import { dockerJson, dockerRun, dockerStream } from "./cli.ts";

interface ContainerEvent {
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> };
}

/** A second failure within an update is one too many; so is a first one that nothing follows. */
const failuresAllowed = 1;
const graceMs = 12_000;
const logLines = 20;

/**
 * Watches a stack's containers on Docker while it starts. Resolves with the first that can't start: it died
 * twice, or died and was not accepted as healthy within 12 s after. What was there before and is replaced in
 * this update may die as it likes. Resolves with undefined when the signal aborts.
 */
export function watchFailures(
  stack: string,
  update: UpdateView,
  signal: AbortSignal,
): Promise<WorkloadFailure | undefined> {
  const failures = new Map<string, number>();
  const timers: NodeJS.Timeout[] = [];
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);

  return new Promise<WorkloadFailure | undefined>((resolve) => {
    const end = (failure: WorkloadFailure | undefined) => {
      for (const timer of timers) clearTimeout(timer);
      stop.abort();
      resolve(failure);
    };
    signal.addEventListener("abort", () => end(undefined), { once: true });

    const onFailure = (attributes: Readonly<Record<string, string>>) => {
      const workload = attributes[labelNames.workload];
      if (workload === undefined || attributes[labelNames.oneShot] === "true") return;
      // A notebook that ends is its user's business.
      if (attributes[labelNames.role] !== undefined) return;
      const instance = attributes.name as string;
      const exitCode = Number(attributes.exitCode);
      const count = (failures.get(workload) ?? 0) + 1;
      failures.set(workload, count);
      const more = `docker logs ${instance}`;
      const report = async () => end({ instance, workload, exitCode, log: await lastLog(instance), more });
      if (count > failuresAllowed) void report();
      else {
        const judge = async () => ((await update.isHealthy(workload)) ? undefined : report());
        timers.push(setTimeout(() => void judge(), graceMs));
      }
    };
    const made = new Set<string>();
    /** Failures of containers that were there before, until it is known whether they stay. */
    const earlier = new Map<string, Readonly<Record<string, string>>>();
    const settle = setInterval(() => {
      if (!update.isDeployed()) return;
      for (const attributes of earlier.values()) onFailure(attributes);
      earlier.clear();
    }, 500);
    timers.push(settle);
    // Docker reports the signals that it sends itself: what ends after one was stopped, and has not died.
    const stopped = new Set<string>();
    const events = ["create", "die", "kill", "destroy"].map((event) => `event=${event}`);
    const filters = [`label=${labelNames.stack}=${stack}`, ...events].flatMap((f) => ["--filter", f]);
    void dockerStream(
      ["events", "--format", "{{json .}}", ...filters],
      (line, stream) => {
        if (stream === "stderr") return;
        const { Action, Actor } = JSON.parse(line) as ContainerEvent;
        if (Action === "create") made.add(Actor.ID);
        else if (Action === "destroy") earlier.delete(Actor.ID);
        else if (Action === "kill") stopped.add(Actor.ID);
        else if (stopped.has(Actor.ID)) return;
        else if (made.has(Actor.ID) || update.isDeployed()) onFailure(Actor.Attributes);
        else earlier.set(Actor.ID, Actor.Attributes);
      },
      both,
    ).catch(() => {}); // without events the update is still judged by the checks
  });
}

async function lastLog(instance: string): Promise<string> {
  const { stdout, stderr } = await dockerRun(["logs", "--tail", String(logLines), instance]);
  return lastLines(`${stdout}${stderr}`, logLines);
}

interface Listed {
  readonly Names: string;
  readonly State: string;
  readonly Labels: string;
}

async function oneShots(
  stack: string,
): Promise<readonly { name: string; workload: string; running: boolean }[]> {
  const filters = [`${labelNames.stack}=${stack}`, `${labelNames.oneShot}=true`].flatMap((f) => [
    "--filter",
    `label=${f}`,
  ]);
  const listed = await dockerJson<Listed>(["ps", "--all", "--format", "{{json .}}", ...filters]);
  return listed.map(({ Names, State, Labels }) => ({
    name: Names,
    workload:
      new Map(Labels.split(",").map((l) => l.split("=") as [string, string])).get(labelNames.workload) ??
      Names,
    running: State === "running",
  }));
}

/** Ends one-shots that the engine is waiting for, so that it ends too. */
export async function stopOneShots(stack: string): Promise<void> {
  const running = (await oneShots(stack)).filter((one) => one.running);
  if (running.length > 0) await dockerRun(["kill", ...running.map((one) => one.name)]);
}

/** Workloads of one-shots that ended with an error: the engine takes them for done, so they are replaced. */
export async function failedOneShots(stack: string): Promise<readonly FailedOneShot[]> {
  const all = await oneShots(stack);
  if (all.length === 0) return [];
  const states = await dockerJson<{ State: { ExitCode: number; Status: string } }>([
    "inspect",
    ...all.map((one) => one.name),
  ]);
  return all
    .filter((_, i) => states[i]?.State.Status !== "exited" || states[i]?.State.ExitCode !== 0)
    .map(({ workload }) => ({ workload }));
}
