import { type State, stateOf } from "../../core/health.ts";
import { DatalabError } from "../../errors.ts";
import { isCore } from "../../outputs/core-service.ts";
import type { PlatformOutput, ServiceOutput } from "../../outputs/platform.ts";
import { suggest } from "../suggest.ts";
import type { Instance } from "../target.ts";
import { runtimeOf } from "../targets.ts";
import { type CoreClient, coreClient, type Health } from "./core-client.ts";
import { fetchVia, ingressRouteOf } from "./ingress-route.ts";

/** `datalab platform status --json`. */
export interface PlatformStatus {
  readonly stack: string;
  readonly target: string;
  readonly services: readonly ServiceStatus[];
}

/** `stopped`: on purpose, by `services stop`. */
export type ServiceState = State | "stopped";

export interface ServiceStatus {
  readonly name: string;
  readonly state: ServiceState;
  /** Where people, or else programs, reach it. */
  readonly url?: string;
  readonly checks: readonly CheckStatus[];
}

export interface CheckStatus {
  readonly name: string;
  readonly ok: boolean;
  readonly ms: number;
  readonly message?: string;
}

export interface StatusOptions {
  /** The stack's core; needed where a gateway stands in front of it. */
  readonly core?: CoreClient;
  /** Run every check now instead of asking for its last result. */
  readonly fresh?: boolean;
  /** Told when the core does not answer and the containers are asked instead. */
  readonly onFallback?: (error: DatalabError) => void;
}

/** State of every service: from the core, or from the target itself when the core does not answer. */
export async function platformStatus(
  platform: PlatformOutput,
  options: StatusOptions = {},
): Promise<PlatformStatus> {
  const core = options.core ?? coreClient(platform.core.url, undefined, fetchVia(ingressRouteOf(platform)));
  const runtime = await runtimeOf(platform);
  try {
    // What was stopped on purpose is known to the target at once, and never to the core.
    const [health, instances] = await Promise.all([
      options.fresh ? core.check() : core.health(),
      runtime.instances(platform.stack).catch(() => []),
    ]);
    return withStopped(platform, statusFromHealth(platform, health), instances);
  } catch (error) {
    if (!(error instanceof DatalabError) || error.code !== "E_CORE_UNREACHABLE") throw error;
    options.onFallback?.(error);
    const instances = await runtime.instances(platform.stack);
    return withStopped(platform, statusFromInstances(platform, instances, error.message), instances);
  }
}

/** The status, with services whose every workload was stopped on purpose shown as such. */
export function withStopped(
  platform: PlatformOutput,
  status: PlatformStatus,
  instances: readonly Instance[],
): PlatformStatus {
  const isStopped = (name: string) => {
    const workloads = platform.services.find((service) => service.name === name)?.workloads ?? [];
    const lasting = workloads.filter(({ oneShot }) => !oneShot);
    const stopped = (instance: string) => instances.some((i) => i.name === instance && i.stopped);
    return lasting.length > 0 && lasting.every(({ instance }) => stopped(instance));
  };
  return {
    ...status,
    services: status.services.map((service) =>
      isStopped(service.name) ? { ...service, state: "stopped", checks: [] } : service,
    ),
  };
}

export function statusFromHealth(platform: PlatformOutput, health: Health): PlatformStatus {
  return statusOf(platform, (service) => {
    const found = health.services.find(({ name }) => name === service.name);
    if (!found) return { state: "down", checks: [] };
    const checks = found.checks.map(({ name, ok, ms, message }) => ({
      name,
      ok,
      ms,
      ...(message !== undefined && { message }),
    }));
    return { state: found.state, checks };
  });
}

/** What is known without the core: whether each service's workloads run. */
export function statusFromInstances(
  platform: PlatformOutput,
  instances: readonly Instance[],
  coreMessage: string,
): PlatformStatus {
  return statusOf(platform, (service) => {
    const oks: boolean[] = [];
    const wrong: string[] = [];
    for (const workload of service.workloads) {
      const instance = instances.find(({ name }) => name === workload.instance);
      // What runs once may have been cleaned up since.
      const ok = instance?.ok ?? workload.oneShot;
      if (!workload.oneShot || !ok) oks.push(ok);
      if (!ok) wrong.push(`${workload.name}: ${instance?.state ?? "no container"}`);
    }
    const container = oks.every(Boolean);
    const checks: CheckStatus[] = [
      { name: "container", ok: container, ms: 0, ...(!container && { message: wrong.join("; ") }) },
    ];
    const silent = isCore(platform, service);
    if (silent) checks.push({ name: "answers", ok: false, ms: 0, message: coreMessage });
    return { state: stateOf(silent ? [...oks, false] : oks), checks };
  });
}

function statusOf(
  platform: PlatformOutput,
  find: (service: ServiceOutput) => { state: State; checks: readonly CheckStatus[] },
): PlatformStatus {
  return {
    stack: platform.stack,
    target: platform.target,
    services: platform.services.map((service) => {
      const { state, checks } = find(service);
      const url = mainUrl(service);
      return { name: service.name, state, ...(url !== null && { url }), checks };
    }),
  };
}

/** The address people want first: the page, else an HTTP API. */
export function mainUrl(service: ServiceOutput): string | null {
  const http = service.endpoints.filter(({ protocol, url }) => protocol === "http" && url !== null);
  return (http.find(({ browser }) => browser) ?? http[0])?.url ?? null;
}

export const allHealthy = ({ services }: PlatformStatus): boolean =>
  services.every(({ state }) => state === "healthy");

/** The service of this name, or an error that says which was probably meant. */
export function findService(platform: PlatformOutput, name: string): ServiceOutput {
  const service = platform.services.find((each) => each.name === name);
  if (service) return service;
  const names = platform.services.map((each) => each.name);
  throw new DatalabError("E_SERVICE", `The stack ${platform.stack} has no service "${name}".`, {
    hint: suggest(name, names),
  });
}

/** A service with all its workloads, or with the one of this name only. */
export function findWorkloads(platform: PlatformOutput, name: string): ServiceOutput {
  for (const service of platform.services) {
    const workloads = service.workloads.filter((workload) => workload.name === name);
    if (service.name !== name && workloads.length > 0) return { ...service, workloads };
  }
  return findService(platform, name);
}
