import { setTimeout as sleep } from "node:timers/promises";
import type { State } from "../../core/health.ts";
import { DatalabError } from "../../errors.ts";
import { isCore } from "../../outputs/core-service.ts";
import type { PlatformOutput, ServiceOutput } from "../../outputs/platform.ts";
import { throwIfAborted } from "../abort.ts";
import type { Reporter } from "../reporter.ts";
import type { Runtime } from "../target.ts";
import type { CoreClient, ServiceHealth } from "./core-client.ts";

/** How long functional checks may take to pass after a start. */
const maxMs = 300_000;
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
 * Waits until every functional check of the services has passed after `since`. Where the core does not run, what the
 * target itself says has to do, and a note says so. Never throws for a service that does not get well.
 */
export async function awaitHealthy(
  platform: PlatformOutput,
  services: readonly ServiceOutput[],
  options: AwaitOptions,
): Promise<ReadonlyMap<string, Awaited>> {
  const { since, core, reporter, signal, runtime } = options;
  const step = reporter.step("functional checks");
  const done = new Map<string, Awaited>();
  const pending = new Set(services.map(({ name }) => name));
  const seconds = () => Math.round((Date.now() - since) / 100) / 10;
  let coreGone = false;
  let heard = Date.now();
  let last: readonly ServiceHealth[] = [];
  try {
    while (pending.size > 0 && Date.now() - since < maxMs) {
      throwIfAborted(signal);
      try {
        last = await fresh(core, pending, since, signal);
        coreGone = false;
        heard = Date.now();
        for (const { name } of last.filter((service) => isWell(service, since))) {
          done.set(name, { state: "healthy", seconds: seconds(), notes: [] });
          pending.delete(name);
        }
      } catch (error) {
        if (!(error instanceof DatalabError)) throw error;
        coreGone = true;
        if (!services.some((service) => isCore(platform, service)) && Date.now() - heard > silenceMs) break;
      }
      if (pending.size === 0) break;
      step.update(`waiting for ${[...pending].join(", ")}`);
      await sleep(pollMs, undefined, { signal }).catch(() => {});
    }
    if (coreGone && pending.size > 0) {
      for (const [name, state] of await byInstances(platform, runtime, pending)) {
        const note = "its functional checks are not known: the core does not answer";
        done.set(name, { state, seconds: seconds(), notes: [note] });
        pending.delete(name);
      }
    }
    for (const name of pending) {
      const health = last.find((service) => service.name === name);
      const failing = health?.checks.filter(({ ok }) => !ok) ?? [];
      done.set(name, {
        state: health?.state ?? "down",
        seconds: seconds(),
        notes: failing.map((check) => `${check.name}: ${check.message ?? "failed"}`),
      });
    }
    const unwell = [...done].filter(([, { state }]) => state !== "healthy");
    if (unwell.length === 0) step.done(coreGone ? "not known" : "passed");
    else step.fail(unwell.map(([name, { state }]) => `${name} is ${state}`).join(", "));
    return done;
  } catch (error) {
    step.fail();
    throw error;
  }
}

/** Health of the pending services; checks whose last result is from before the start are run now. */
async function fresh(
  core: CoreClient,
  pending: ReadonlySet<string>,
  since: number,
  signal: AbortSignal,
): Promise<readonly ServiceHealth[]> {
  const { services } = await core.health(signal);
  const stale = services.filter(
    (s) => pending.has(s.name) && s.checks.some((check) => !isAfter(check, since)),
  );
  if (stale.length > 0) await Promise.all(stale.map(({ name }) => core.check(name, signal)));
  const after = stale.length > 0 ? (await core.health(signal)).services : services;
  return after.filter(({ name }) => pending.has(name));
}

const isAfter = ({ at, ms }: { at: string; ms: number }, since: number) => Date.parse(at) - ms >= since;
const isWell = ({ checks }: ServiceHealth, since: number) =>
  checks.every((check) => check.ok && isAfter(check, since));

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
