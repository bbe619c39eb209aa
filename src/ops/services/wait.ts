import type { State } from "../../core/health.ts";
import { isCore } from "../../outputs/core-service.ts";
import type { PlatformOutput, ServiceOutput } from "../../outputs/platform.ts";
import { type Reporter, runStep } from "../reporter.ts";
import type { Runtime } from "../target.ts";
import type { CoreClient } from "./core-client.ts";
import { healthyWithinMs, waitForHealth } from "./health-wait.ts";

const pollMs = 500;
/** A core that was not started just now, and says nothing for so long, does not run or can't be reached. */
const silenceMs = 20_000;

/** How a service is at the end of the waiting. */
export interface Awaited {
  readonly state: State;
  /** Since the start. */
  readonly seconds: number;
  readonly notes: readonly string[];
}

export interface AwaitOptions {
  /** Milliseconds since 1970: what checks found before says nothing. */
  readonly since: number;
  readonly core: CoreClient;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
  readonly runtime: Runtime;
}

/**
 * Waits until every functional check of the services has passed after `since`. Where the core does not run,
 * what the target itself says has to do, and a note says so. Never throws for a service that does not get
 * well.
 */
export async function awaitHealthy(
  platform: PlatformOutput,
  services: readonly ServiceOutput[],
  options: AwaitOptions,
): Promise<ReadonlyMap<string, Awaited>> {
  const { since, core, reporter, signal, runtime } = options;
  const done = new Map<string, Awaited>();
  const seconds = () => Math.round((Date.now() - since) / 100) / 10;
  return runStep(reporter, "functional checks", async (step) => {
    const { health, pending, isCoreThere } = await waitForHealth({
      core,
      services: services.map(({ name }) => name),
      changedAt: () => since,
      deadline: since + healthyWithinMs,
      pollMs,
      maxSilenceMs: services.some((service) => isCore(platform, service)) ? undefined : silenceMs,
      signal,
      onHealthy: (name) => done.set(name, { state: "healthy", seconds: seconds(), notes: [] }),
      onPending: (waiting) => step.update(`waiting for ${[...waiting].join(", ")}`),
    });
    if (!isCoreThere) {
      for (const [name, state] of await byInstances(platform, runtime, pending)) {
        const note = "the results of its functional checks are unknown: the core does not answer";
        done.set(name, { state, seconds: seconds(), notes: [note] });
      }
    }
    for (const name of [...pending].filter((each) => !done.has(each))) {
      const found = health?.services.find((service) => service.name === name);
      const failing = found?.checks.filter(({ ok }) => !ok) ?? [];
      done.set(name, {
        state: found?.state ?? "down",
        seconds: seconds(),
        notes: failing.map((check) => `${check.name}: ${check.message ?? "failed"}`),
      });
    }
    const unwell = [...done].filter(([, { state }]) => state !== "healthy");
    if (unwell.length > 0) step.fail(unwell.map(([name, { state }]) => `${name} is ${state}`).join(", "));
    return [done, isCoreThere ? "passed" : "unknown"];
  });
}

async function byInstances(
  platform: PlatformOutput,
  runtime: Runtime,
  names: ReadonlySet<string>,
): Promise<[string, State][]> {
  const instances = await runtime.instances(platform.stack);
  return platform.services
    .filter(({ name }) => names.has(name))
    .map(({ name, workloads }) => {
      const oks = workloads
        .filter(({ oneShot }) => !oneShot)
        .map((w) => instances.find((i) => i.name === w.instance)?.ok ?? false);
      return [name, oks.every(Boolean) ? "healthy" : oks.some(Boolean) ? "degraded" : "down"];
    });
}
