import { DatalabError } from "../../errors.ts";
import type { PlatformModel } from "../../model/platform.ts";
import type { PlatformOutput } from "../../outputs/platform.ts";
import { throwIfAborted } from "../abort.ts";
import type { EngineStep } from "../engine/engine.ts";
import type { Reporter } from "../reporter.ts";
import { type CoreClient, coreClient, type Health, type ServiceHealth } from "../services/core-client.ts";
import { modelSecret } from "../services/credentials.ts";
import { fetchVia, type IngressRoute } from "../services/ingress-route.ts";
import type { WorkloadFailure } from "../target.ts";
import { cannotStart, describePending, notReady } from "./up-text.ts";

/** How long functional checks may take to pass after the engine has ended. */
const readinessMs = 300_000;
const pollMs = 250;

export interface ReadinessOptions {
  readonly project: string;
  readonly stack: string;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
}

/** Whether a resource of this type runs a workload. */
export const isWorkload = (type: string): boolean => /:(Container|Deployment|StatefulSet|Job)$/.test(type);

/** Says when a stack works: every functional check has passed, and after its service was last touched. */
export class Readiness {
  readonly #options: ReadinessOptions;
  readonly #model: PlatformModel;
  readonly #core: CoreClient;
  /** When a workload of the service was last made, replaced or started in this run: milliseconds since 1970. */
  readonly #touched = new Map<string, number>();

  constructor(options: ReadinessOptions, model: PlatformModel, coreUrl: string, route: IngressRoute | null) {
    this.#options = options;
    this.#model = model;
    const { token } = model;
    this.#core = coreClient(
      coreUrl,
      token === null ? undefined : () => modelSecret(options.project, model, token),
      fetchVia(route),
    );
  }

  /** Takes note of what the engine does; what it leaves alone is not told. */
  note({ name, type }: EngineStep): void {
    if (!isWorkload(type)) return;
    for (const service of this.#model.services) {
      if (service.workloads.some((w) => w.name === name && !w.oneShot)) this.touch(service.name);
    }
  }

  /** What the core knows of a service until now says nothing any more. */
  touch(service: string): void {
    this.#touched.set(service, Date.now());
  }

  /** Whether the service of a workload passes all its checks, as far as the core knows. */
  async isHealthy(workload: string): Promise<boolean> {
    const service = this.#model.services.find((s) => s.workloads.some((w) => w.name === workload));
    const health = await this.#core.health().catch(() => undefined);
    return health?.services.find(({ name }) => name === service?.name)?.state === "healthy";
  }

  /** Waits. Throws when a workload can't start, or when checks still fail in the end, naming them. */
  async wait(
    failure: () => WorkloadFailure | undefined,
    deployed: Pick<PlatformOutput, "services">,
  ): Promise<Health> {
    const { reporter, signal, stack } = this.#options;
    const step = reporter.step("readiness");
    // A target may have made the place before there is anything to run in it.
    if (deployed.services.length === 0) {
      step.done("nothing runs yet");
      return { stack, state: "healthy", at: new Date().toISOString(), services: [] };
    }
    const deadline = Date.now() + readinessMs;
    const pending = new Set(this.#model.services.map(({ name }) => name));
    let health: Health | undefined;
    try {
      for (;;) {
        throwIfAborted(signal);
        const dead = failure();
        if (dead) throw cannotStart(dead);
        health = (await this.#ask(pending)) ?? health;
        throwIfAborted(signal);
        for (const service of health?.services ?? []) {
          if (service.state === "healthy" && !this.#isStale(service)) pending.delete(service.name);
        }
        if (health && pending.size === 0) {
          step.done(`${health.services.flatMap((s) => s.checks).length} checks passed`);
          return health;
        }
        step.update(health ? `waiting for ${describePending(health, pending)}` : "waiting for the core");
        if (Date.now() > deadline) throw notReady(stack, health, pending, readinessMs / 1000);
        await new Promise((resolve) => setTimeout(resolve, pollMs));
      }
    } catch (error) {
      step.fail();
      throw error;
    }
  }

  /** Results from before a service was touched say nothing: such checks are run now. Undefined while core does not answer. */
  async #ask(pending: ReadonlySet<string>): Promise<Health | undefined> {
    const { signal } = this.#options;
    try {
      const health = await this.#core.health(signal);
      const stale = health.services.filter((s) => pending.has(s.name) && this.#isStale(s));
      if (stale.length === 0) return health;
      await Promise.all(stale.map(({ name }) => this.#core.check(name, signal)));
      return await this.#core.health(signal);
    } catch (error) {
      if (error instanceof DatalabError || signal.aborted) return undefined;
      throw error;
    }
  }

  /** Whether a check of a touched service began before that. A check's time is when it ended. */
  #isStale({ name, checks }: ServiceHealth): boolean {
    const touched = this.#touched.get(name);
    return touched !== undefined && checks.some(({ at, ms }) => Date.parse(at) - ms < touched);
  }
}
