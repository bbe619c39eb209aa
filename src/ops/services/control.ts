import { DatalabError } from "../../errors.ts";
import { gatewayName, isCore } from "../../outputs/core-service.ts";
import type { PlatformOutput, ServiceOutput } from "../../outputs/platform.ts";
import { throwIfAborted } from "../abort.ts";
import type { Reporter, Step } from "../reporter.ts";
import { withStackLock } from "../stack-lock.ts";
import type { Instance, Runtime } from "../target.ts";
import { runtimeOf } from "../targets.ts";
import type { CoreClient } from "./core-client.ts";
import { dependenciesOf, dependentsOf, type Selection, selectServices } from "./selection.ts";
import { type Awaited, awaitHealthy } from "./wait.ts";

export type Action = "start" | "stop" | "restart";

export interface ControlOptions extends Selection {
  readonly project: string;
  readonly platform: PlatformOutput;
  /** Stop what needs the named services too, instead of refusing. */
  readonly withDependents: boolean;
  readonly core: CoreClient;
  /** @default that of the platform's target */
  readonly runtime?: Runtime;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
}

/** One line of `datalab services start|stop|restart --json`. */
export interface Controlled {
  readonly name: string;
  /** `stopped`, or how it is after a start. */
  readonly state: Awaited["state"] | "stopped";
  /** Whether there was anything to do. */
  readonly changed: boolean;
  readonly seconds: number;
  /** What people should know: runs that were cancelled, checks that fail. */
  readonly notes: readonly string[];
}

/** Starts services and what they need, or stops them gracefully; what is done already is left alone. */
export async function controlServices(action: Action, options: ControlOptions): Promise<Controlled[]> {
  const { platform, project } = options;
  const chosen = selectServices(platform, options);
  const runtime = options.runtime ?? (await runtimeOf(platform));
  const lock = { project, stack: platform.stack, signal: options.signal };
  return withStackLock(lock, `datalab services ${action}`, async (signal) => {
    const control = new Control({ ...options, signal }, runtime, await runtime.instances(platform.stack));
    if (action === "stop") return await control.stop(control.withDependents(chosen));
    if (action === "start") return await control.start(control.withDependencies(chosen));
    // Whoever needs a service that is restarted rides it out, unless asked for.
    const all = options.withDependents ? control.withDependents(chosen) : chosen;
    const stopped = await control.stop(all);
    const started = await control.start(control.withDependencies(all));
    return started.map((each) => {
      const before = stopped.find(({ name }) => name === each.name);
      return before
        ? {
            ...each,
            changed: true,
            seconds: before.seconds + each.seconds,
            notes: [...before.notes, ...each.notes],
          }
        : each;
    });
  });
}

/** Something that runs, and when it may stop. */
interface Unit {
  readonly instance: string;
  readonly service: string;
  readonly graceSeconds: number;
  readonly drain: { readonly command: readonly string[]; readonly withinSeconds: number } | null;
  /** Instances that it needs. */
  readonly needs: readonly string[];
}

/** The service whose token opens the platform, when there is one, and the core. */
export function ingressRoute(platform: PlatformOutput): ServiceOutput[] {
  const gateway = gatewayName(platform);
  return platform.services.filter((service) => service.name === gateway || isCore(platform, service));
}

class Control {
  readonly #options: ControlOptions;
  readonly #runtime: Runtime;
  readonly #instances: Map<string, Instance>;

  constructor(options: ControlOptions, runtime: Runtime, instances: readonly Instance[]) {
    this.#options = options;
    this.#runtime = runtime;
    this.#instances = new Map(instances.map((instance) => [instance.name, instance]));
  }

  /** The services and what can't work without them; refused when that is not asked for and runs. */
  withDependents(chosen: readonly ServiceOutput[]): ServiceOutput[] {
    const { platform, withDependents } = this.#options;
    const more = dependentsOf(platform, chosen).filter((service) => this.#runs(service));
    if (more.length > 0 && !withDependents) {
      const names = more.map(({ name }) => name).join(", ");
      throw new DatalabError(
        "E_DEPENDENTS",
        `These running services need it: ${names}. Nothing was stopped.`,
        {
          hint: "--with-dependents stops them too, in order; restart NAME keeps them running.",
        },
      );
    }
    return platform.services.filter((service) => chosen.includes(service) || more.includes(service));
  }

  /**
   * The services and what they can't work without, as far as it does not run. The way in belongs to it:
   * without the gateway nobody reaches a service, and the core can't be asked how it is.
   */
  withDependencies(chosen: readonly ServiceOutput[]): ServiceOutput[] {
    const { platform } = this.#options;
    const entrance = ingressRoute(platform);
    const needed = dependenciesOf(platform, [...chosen, ...entrance]);
    const more = [...needed, ...entrance].filter((service) => !this.#runs(service));
    return platform.services.filter((service) => chosen.includes(service) || more.includes(service));
  }

  /** Last first: each when everything that needs it has stopped. */
  async stop(services: readonly ServiceOutput[]): Promise<Controlled[]> {
    const units = this.#units(services).filter(
      ({ instance }) => this.#instances.get(instance)?.stopped === false,
    );
    const dependents = (unit: Unit) => units.filter(({ needs }) => needs.includes(unit.instance));
    return this.#each(services, units, dependents, (unit, step, notes) => this.#stopOne(unit, step, notes));
  }

  /** First first: each when everything that it needs has been started; then until all checks pass. */
  async start(services: readonly ServiceOutput[]): Promise<Controlled[]> {
    const { platform, core, reporter, signal } = this.#options;
    const since = Date.now();
    const units = this.#units(services).filter(
      ({ instance, service }) =>
        this.#isDeclared(instance, service) && this.#instances.get(instance)?.stopped !== false,
    );
    const needs = (unit: Unit) => units.filter(({ instance }) => unit.needs.includes(instance));
    const started = await this.#each(services, units, needs, async ({ instance }) => {
      await this.#runtime.start(instance);
    });
    const waited = await awaitHealthy(platform, services, {
      since,
      core,
      reporter,
      signal,
      runtime: this.#runtime,
    });
    return started.map((each) => {
      const end = waited.get(each.name);
      return end
        ? { ...each, state: end.state, seconds: end.seconds, notes: [...each.notes, ...end.notes] }
        : each;
    });
  }

  async #stopOne(unit: Unit, step: Step, notes: string[]): Promise<void> {
    if (unit.drain) {
      step.update("waiting for running work");
      const said: string[] = [];
      const ran = await this.#runtime
        .exec(unit.instance, unit.drain.command, {
          timeoutSeconds: unit.drain.withinSeconds,
          onError: (line) => {
            if (line.startsWith("datalab-start:")) return;
            // What begins with dots is only for those who watch.
            const passing = line.startsWith("... ");
            step.update(passing ? line.slice(4) : line);
            if (!passing) said.push(line);
          },
        })
        .catch((error: Error) => ({ code: 1, stderr: error.message }));
      notes.push(...said);
      if (ran.code !== 0) notes.push(`${unit.instance} was not drained: ${said.at(-1) ?? ran.stderr.trim()}`);
    }
    step.update(`stops ${unit.instance}`);
    await this.#runtime.stop(unit.instance, unit.graceSeconds);
    const known = this.#instances.get(unit.instance);
    if (known) this.#instances.set(unit.instance, { ...known, ok: false, stopped: true });
  }

  /** Does the work for each unit when it is done for all that come before it; services go side by side. */
  async #each(
    services: readonly ServiceOutput[],
    units: readonly Unit[],
    before: (unit: Unit) => readonly Unit[],
    work: (unit: Unit, step: Step, notes: string[]) => Promise<void>,
  ): Promise<Controlled[]> {
    const { reporter, signal } = this.#options;
    const running = new Map<Unit, Promise<void>>();
    const notes = new Map(services.map(({ name }) => [name, [] as string[]]));
    const steps = new Map<string, { step: Step; since: number }>();
    const ended = new Map<string, number>();
    const run = (unit: Unit): Promise<void> => {
      const known = running.get(unit);
      if (known) return known;
      const promise = (async () => {
        await Promise.all(before(unit).map(run));
        throwIfAborted(signal);
        const { service } = unit;
        const begun = steps.get(service) ?? { step: reporter.step(service), since: performance.now() };
        steps.set(service, begun);
        await work(unit, begun.step, notes.get(service) ?? []);
        ended.set(service, (performance.now() - begun.since) / 1000);
      })();
      running.set(unit, promise);
      return promise;
    };
    const results = await Promise.allSettled(units.map(run));
    const failure = results.find((result) => result.status === "rejected");
    for (const [service, { step }] of steps) {
      if (failure) step.fail();
      else step.done(`${(ended.get(service) ?? 0).toFixed(1)} s`);
    }
    if (failure) throw failure.reason;
    return services.map(({ name }) => ({
      name,
      state: "stopped",
      changed: steps.has(name),
      seconds: Math.round((ended.get(name) ?? 0) * 10) / 10,
      notes: notes.get(name) ?? [],
    }));
  }

  /**
   * What services run: their workloads, and whatever these started themselves and labelled, such as
   * notebooks.
   */
  #units(services: readonly ServiceOutput[]): Unit[] {
    const { platform } = this.#options;
    const instances = (service: string) =>
      platform.services.find(({ name }) => name === service)?.workloads.map((w) => w.instance) ?? [];
    return services.flatMap((service) => {
      const needed = service.dependsOn.flatMap(instances);
      const own = service.workloads
        .filter(({ oneShot }) => !oneShot)
        .map((w) => ({
          instance: w.instance,
          service: service.name,
          graceSeconds: w.stopGraceSeconds,
          drain: w.drain,
          needs: [
            ...needed,
            ...service.workloads.filter(({ name }) => w.after.includes(name)).map(({ instance }) => instance),
          ],
        }));
      const spawned = [...this.#instances.values()]
        .filter((i) => i.service === service.name && !this.#isDeclared(i.name, service.name))
        .map((i) => ({
          instance: i.name,
          service: service.name,
          graceSeconds: Math.max(...service.workloads.map((w) => w.stopGraceSeconds)),
          drain: null,
          needs: [...needed, ...own.map(({ instance }) => instance)],
        }));
      return [...own, ...spawned];
    });
  }

  #isDeclared(instance: string, service: string): boolean {
    return (
      this.#options.platform.services
        .find(({ name }) => name === service)
        ?.workloads.some((w) => w.instance === instance) ?? false
    );
  }

  #runs(service: ServiceOutput): boolean {
    return service.workloads.some((w) => !w.oneShot && this.#instances.get(w.instance)?.stopped === false);
  }
}
