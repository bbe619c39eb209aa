import type { Check, CheckResult } from "./check.ts";
import type { RegistryFile } from "./files.ts";

export type State = "healthy" | "degraded" | "down";
export const states: readonly State[] = ["healthy", "degraded", "down"];

/** A check as `/health` shows it: its last result, and those before it, oldest first. */
export interface CheckHealth extends CheckResult {
  readonly name: string;
  readonly history: readonly CheckResult[];
}

export interface ServiceHealth {
  readonly name: string;
  readonly state: State;
  readonly checks: readonly CheckHealth[];
}

/** Answer of `GET /health` and `POST /check`. */
export interface Health {
  readonly stack: string;
  readonly state: State;
  readonly at: string;
  readonly services: readonly ServiceHealth[];
}

/** healthy: every check passes; degraded: some do; down: none does. A service without checks is healthy. */
export function stateOf(oks: readonly boolean[]): State {
  if (oks.every(Boolean)) return "healthy";
  return oks.some(Boolean) ? "degraded" : "down";
}

/** State of several services together: down only when all of them are. */
export function overallState(services: readonly State[]): State {
  if (services.every((state) => state === "healthy")) return "healthy";
  return services.every((state) => state === "down") ? "down" : "degraded";
}

export function serviceHealth(name: string, checks: readonly Check[], startedAt: string): ServiceHealth {
  const own = checks.filter((check) => check.entry.service === name);
  return {
    name,
    state: stateOf(own.map((check) => check.last?.ok ?? false)),
    checks: own.map((check) => ({
      name: check.entry.name,
      ...(check.last ?? { ok: false, ms: 0, at: startedAt, message: "not run yet" }),
      history: [...check.history],
    })),
  };
}

export function health(
  registry: RegistryFile,
  checks: readonly Check[],
  startedAt: string,
  only?: string,
): Health {
  const services = registry.services
    .filter((service) => only === undefined || service.name === only)
    .map((service) => serviceHealth(service.name, checks, startedAt));
  return {
    stack: registry.stack,
    state: overallState(services.map((service) => service.state)),
    at: new Date().toISOString(),
    services,
  };
}
