import { setTimeout as sleep } from "node:timers/promises";
import { DatalabError } from "../../errors.ts";
import { throwIfAborted } from "../abort.ts";
import type { CoreClient, Health, ServiceHealth } from "./core-client.ts";

/** How long functional checks may take to pass after services were made or started. */
export const healthyWithinMs = 300_000;

export interface HealthWaitOptions {
  readonly core: CoreClient;
  /** Names of the services that are waited for. */
  readonly services: Iterable<string>;
  /**
   * When a service was last made or started, in milliseconds since 1970: results of checks that began earlier
   * do not count.
   */
  readonly changedAt: (service: string) => number | undefined;
  /** When the waiting ends, in milliseconds since 1970. */
  readonly deadline: number;
  readonly pollMs: number;
  /** End the waiting when the core has not answered for so long. @default only at the deadline */
  readonly maxSilenceMs?: number | undefined;
  readonly signal: AbortSignal;
  /** Called before the core is asked; throws what makes the waiting useless. */
  readonly beforeAsk?: () => void;
  readonly onHealthy?: (service: string) => void;
  /** Called after each answer, or silence, while services are pending. */
  readonly onPending: (pending: ReadonlySet<string>, health: Health | undefined) => void;
}

export interface HealthWaited {
  /** The core's last answer. */
  readonly health: Health | undefined;
  /** Services that are not healthy at the end. */
  readonly pending: ReadonlySet<string>;
  /** Whether the core answered the last question. */
  readonly isCoreThere: boolean;
}

/**
 * Asks the core until every functional check of the services has passed after the service's last change, or
 * the time is over. Throws E_INTERRUPTED, and what `beforeAsk` throws.
 */
export async function waitForHealth(options: HealthWaitOptions): Promise<HealthWaited> {
  const { changedAt, deadline, pollMs, maxSilenceMs = Number.POSITIVE_INFINITY, signal } = options;
  const pending = new Set(options.services);
  let health: Health | undefined;
  let answeredAt = Date.now();
  for (;;) {
    throwIfAborted(signal);
    options.beforeAsk?.();
    const answer = await ask(options, pending);
    throwIfAborted(signal);
    if (answer) {
      health = answer;
      answeredAt = Date.now();
      for (const service of answer.services) {
        if (!pending.has(service.name) || service.state !== "healthy" || isStale(service, changedAt))
          continue;
        pending.delete(service.name);
        options.onHealthy?.(service.name);
      }
    }
    const end = { health, pending, isCoreThere: answer !== undefined };
    if (answer && pending.size === 0) return end;
    options.onPending(pending, health);
    if (Date.now() >= deadline || (!answer && Date.now() - answeredAt >= maxSilenceMs)) return end;
    await sleep(pollMs, undefined, { signal }).catch(() => {});
  }
}

/** Checks whose last result does not count are run now. Undefined while the core does not answer. */
async function ask(
  { core, changedAt, signal }: HealthWaitOptions,
  pending: ReadonlySet<string>,
): Promise<Health | undefined> {
  try {
    const health = await core.health(signal);
    const stale = health.services.filter((s) => pending.has(s.name) && isStale(s, changedAt));
    if (stale.length === 0) return health;
    await Promise.all(stale.map(({ name }) => core.check(name, signal)));
    return await core.health(signal);
  } catch (error) {
    if (error instanceof DatalabError || signal.aborted) return undefined;
    throw error;
  }
}

/** Whether a check of the service began before its last change. A check's time is when it ended. */
function isStale({ name, checks }: ServiceHealth, changedAt: HealthWaitOptions["changedAt"]): boolean {
  const changed = changedAt(name);
  return changed !== undefined && checks.some(({ at, ms }) => Date.parse(at) - ms < changed);
}
