import type { Check, CheckResult } from "./check.ts";
import type { RegistryFile } from "./files.ts";

export type State = "healthy" | "starting" | "degraded" | "down";
export const states: readonly State[] = ["healthy", "starting", "degraded", "down"];

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

/**
 * healthy: every check passes; starting: the others have yet to pass for the first time; degraded: some pass;
 * down: none does. A service without checks is healthy.
 */
export function stateOf(checks: readonly (boolean | "starting")[]): State {
  if (checks.every((ok) => ok === true)) return "healthy";
  if (!checks.includes(false)) return "starting";
  return checks.includes(true) ? "degraded" : "down";
}

/** State of several services together: down only when all of them are. */
export function overallState(services: readonly State[]): State {
  if (services.every((state) => state === "healthy")) return "healthy";
  if (services.every((state) => state === "healthy" || state === "starting")) return "starting";
  return services.every((state) => state === "down") ? "down" : "degraded";
}

export function serviceHealth(name: string, checks: readonly Check[], startedAt: string): ServiceHealth {
  const own = checks.filter((check) => check.entry.service === name);
  return {
    name,
    state: stateOf(own.map(({ last, starting }) => last?.ok || (starting && "starting"))),
    checks: own.map((check) => ({
      name: check.entry.name,
      ...(check.last ?? {
        ...{ ok: false, ms: 0, at: startedAt, message: "not run yet" },
        ...(check.starting && { starting: true }),
      }),
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
