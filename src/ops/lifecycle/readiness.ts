import type { PlatformModel } from "../../model/platform.ts";
import type { PlatformOutput } from "../../outputs/platform.ts";
import type { EngineStep } from "../engine/engine.ts";
import { type Reporter, runStep } from "../reporter.ts";
import { type CoreClient, coreClient, type Health } from "../services/core-client.ts";
import { modelSecret } from "../services/credentials.ts";
import { healthyWithinMs, waitForHealth } from "../services/health-wait.ts";
import { fetchVia, type IngressRoute } from "../services/ingress-route.ts";
import type { WorkloadFailure } from "../target.ts";
import { cannotStart, describePending, notReady } from "./up-text.ts";

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
  /**
   * When a workload of the service was last made, replaced or started in this run: milliseconds since 1970.
   */
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
    return runStep(reporter, "readiness", async (step) => {
      // A target may have made the place before there is anything to run in it.
      if (deployed.services.length === 0)
        return [{ stack, state: "healthy", at: new Date().toISOString(), services: [] }, "nothing runs yet"];
      const { health, pending } = await waitForHealth({
        core: this.#core,
        services: this.#model.services.map(({ name }) => name),
        changedAt: (service) => this.#touched.get(service),
        deadline: Date.now() + healthyWithinMs,
        pollMs,
        signal,
        beforeAsk: () => {
          const failed = failure();
          if (failed) throw cannotStart(failed);
        },
        onPending: (waiting, known) =>
          step.update(known ? `waiting for ${describePending(known, waiting)}` : "waiting for the core"),
      });
      if (!health || pending.size > 0) throw notReady(stack, health, pending, healthyWithinMs / 1000);
      return [health, `${health.services.flatMap((s) => s.checks).length} checks passed`];
    });
  }
}
