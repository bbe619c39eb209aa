import { ConfigError } from "../../errors.ts";
import { capabilities } from "../capability.ts";
import type { Environment } from "../environment.ts";
import { startOrder } from "../graph.ts";
import { replicaNames } from "../names.ts";
import { type Need, waitsFor } from "../needs.ts";
import type { ImagesModel, PlatformModel } from "../platform.ts";
import type { ServiceDefinition } from "../service.ts";
import { viewPlatform } from "./build-view.ts";
import { checksOf, EnabledServices, versionOf, volumesOf } from "./enabled.ts";
import { checkExternalSecrets } from "./external-secrets.ts";
import { Grants } from "./grants.ts";
import { resolveWorkload, waitsOf } from "./workload.ts";

/**
 * Environment -> PlatformModel: pure and synchronous. Throws one ConfigError with all problems:
 * missing needs, cycles, duplicate ports and names, images without a digest.
 */
export function resolvePlatform(environment: Environment): PlatformModel {
  const enabled = new EnabledServices(environment);
  const order = orderServices(enabled);
  const grants = new Grants(enabled);
  const platform = viewPlatform(enabled, grants);
  grants.checkVersions();
  checkProviders(enabled);
  checkWaits(enabled);
  checkPorts(enabled);
  checkNames(enabled);
  const images = resolveImages(enabled);
  if (enabled.problems.length > 0) throw new ConfigError(enabled.problems);

  const health = enabled.provider("health");
  const gateway = enabled.provider("gateway");
  const model: PlatformModel = deepFreeze({
    stack: environment.stack,
    ...(environment.installation && { installation: environment.installation }),
    target: environment.config.target,
    images,
    services: order.map((service) => ({
      name: service.name,
      summary: service.summary,
      version: versionOf(enabled, service),
      owner: service.owner ?? "platform",
      backup: service.backup,
      checks: checksOf(enabled, service).map(([name, { summary }]) => ({ name, summary })),
      dependsOn: neededBy(enabled, service),
      workloads: enabled.parts
        .filter((part) => part.service === service)
        .map((part) => resolveWorkload(enabled, grants, platform, part)),
    })),
    token: gateway?.provider.token ? `${gateway.service.name}/${gateway.provider.token}` : null,
    health: health ? { workload: health.workload, endpoint: health.provider.endpoint } : null,
    providers: providersOf(enabled),
    secrets: grants.secrets,
    pipelines: environment.pipelines,
    cluster: enabled.cluster,
    aws: enabled.aws,
    external: enabled.external,
  });
  return checkExternalSecrets(environment, model);
}

/** For each capability the enabled service that provides it, else one that could be enabled. */
function providersOf(enabled: EnabledServices): PlatformModel["providers"] {
  return Object.fromEntries(
    capabilities.flatMap((kind) => {
      const found = enabled.provider(kind);
      const known = found?.service ?? enabled.environment.services.find((s) => s.provides?.[kind]);
      if (!known) return [];
      const { workload = null, provider } = found ?? {};
      return [[kind, { service: known.name, workload, endpoint: provider?.endpoint ?? null }]];
    }),
  );
}

/** The service that provides a need. */
function answering(enabled: EnabledServices, need: Need): string | undefined {
  if (need.kind === "secret" || (need.kind === "endpoint" && need.optional && !waitsFor(need)))
    return undefined;
  if (need.kind !== "endpoint") return enabled.provider(need.kind)?.service.name;
  return enabled.parts.find(({ workload }) => workload === need.workload)?.service.name;
}

function neededBy(enabled: EnabledServices, service: ServiceDefinition): string[] {
  const names = Object.values(service.needs).flatMap((need) => answering(enabled, need) ?? []);
  return [...new Set(names)].filter((name) => name !== service.name);
}

function orderServices(enabled: EnabledServices): readonly ServiceDefinition[] {
  const { services } = enabled;
  const result = startOrder(new Map(services.map((s) => [s.name, neededBy(enabled, s)])));
  if (result.ok) return result.order.flatMap((name) => services.filter((s) => s.name === name));
  const [first, second] = result.cycle;
  const needs = services.find((s) => s.name === first)?.needs ?? {};
  const need = Object.keys(needs).find((n) => answering(enabled, needs[n] as Need) === second);
  enabled.problem(
    ["services", first as string, "needs", need as string],
    `expected services that can be started one after the other, received the cycle ${result.cycle.join(" -> ")}`,
    "Remove one of these needs.",
  );
  return services;
}

/** One service provides a capability; up waits for the one that reports the health of the platform. */
function checkProviders(enabled: EnabledServices): void {
  const health = enabled.environment.services.find((s) => s.provides?.health);
  if (health && !enabled.provider("health")) {
    enabled.problem(
      ["services", health.name, "enabled"],
      "expected true, received false: only this service reports whether the platform is healthy",
    );
  } else if (health && !isPublished(enabled, health)) {
    enabled.problem(
      ["services", health.name, "ports", health.provides?.health?.endpoint as string],
      "expected a port, received false: up asks this port whether the platform is healthy",
    );
  }
  for (const kind of capabilities) {
    const [first, ...others] = enabled.services.filter((s) => s.provides?.[kind]);
    for (const other of others) {
      enabled.problem(
        ["services", other.name, "enabled"],
        `expected one service that provides ${kind}, received ${other.name} and ${first?.name}`,
        `Set services.${other.name}.enabled or services.${first?.name}.enabled to false.`,
      );
    }
  }
}

function isPublished(enabled: EnabledServices, service: ServiceDefinition): boolean {
  const { part = "", endpoint = "" } = service.provides?.health ?? {};
  return enabled.published(service, endpoint, service.parts[part]?.endpoints?.[endpoint]) !== null;
}

/** Parts that wait for each other would never start, also within one service. */
function checkWaits(enabled: EnabledServices): void {
  const graph = new Map(
    enabled.parts.map((part) => [part.workload, waitsOf(enabled, part).map((w) => w.workload)]),
  );
  const result = startOrder(graph);
  if (result.ok) return;
  const owners = result.cycle.map((name) => enabled.parts.find((p) => p.workload === name));
  if (new Set(owners.map((owner) => owner?.service.name)).size > 1) return; // reported as a cycle of services
  enabled.problem(
    ["services", owners[0]?.service.name as string, "parts", owners[0]?.name as string, "after"],
    `expected parts that can be started one after the other, received the cycle ${result.cycle.join(" -> ")}`,
    "Remove one of these.",
  );
}

/** A published port belongs to one process. */
function checkPorts(enabled: EnabledServices): void {
  const seen = new Map<number, string>();
  for (const { service, name: partName, part } of enabled.parts) {
    for (const [name, endpoint] of Object.entries(part.endpoints ?? {})) {
      const port = enabled.published(service, name, endpoint);
      if (port === null) continue;
      const path = ["services", service.name, "ports", name];
      const declared = ["services", service.name, "parts", partName, "endpoints", name, "published"];
      const place = enabled.environment.find(path) ? path : declared;
      if (port > 65535) {
        const offset = enabled.environment.config.portOffset;
        const message = `expected a port of at most 65535, received ${port - offset} + ${offset} = ${port}`;
        enabled.problem(path, message, "Lower portOffset or this port.", place);
      }
      const other = seen.get(port);
      if (other) {
        enabled.problem(
          path,
          `expected a port of its own, received ${port}, which ${other} has`,
          `Set services.${service.name}.ports.${name} to a free one.`,
          place,
        );
      }
      seen.set(port, `${service.name}.${name}`);
    }
  }
}

/** Names of containers and volumes are derived from parts' names: two services must not have the same. */
function checkNames(enabled: EnabledServices): void {
  const seen = new Map<string, string>();
  const isFree = (path: string[], kind: string, name: string, owner: string): boolean => {
    const key = `${kind} ${name}`;
    const other = seen.get(key);
    if (other) enabled.problem(path, `expected a unique name, received ${name}, which ${other} has`);
    seen.set(key, owner);
    return other === undefined;
  };
  for (const { service, name, part, workload } of enabled.parts) {
    const path = ["services", service.name, "parts", name];
    const owner = `the part ${name} of ${service.name}`;
    if (!isFree(path, "workload", workload, owner)) continue; // its volumes collide too
    for (const replica of replicaNames(workload, enabled.replicas(service, part)).slice(1)) {
      isFree([...path, "replicas"], "workload", replica, `a replica of ${owner}`);
    }
    if (part.files || part.env) {
      isFree(path, "workload", `${workload}-files`, `the files of ${owner}`);
      isFree(path, "volume", `${workload}-files`, `the files of ${owner}`);
    }
    for (const [volume] of volumesOf(enabled, { service, name, part, workload })) {
      const its = [...path, "volumes", volume];
      isFree(its, "volume", `${workload}-${volume}`, `the volume ${volume} of ${owner}`);
    }
  }
}

/** A registry's images are named by digest: all of them, or none before the first push. */
function resolveImages(enabled: EnabledServices): ImagesModel {
  const { source, registry, digests } = enabled.environment.config.images;
  const used = [...new Set(enabled.parts.map(({ part }) => part.image))].sort();
  const missing = used.filter((image) => !Object.hasOwn(digests, image));
  if (source === "registry" && (registry !== undefined || Object.keys(digests).length > 0)) {
    if (registry === undefined) {
      const message = "expected the registry of the images, received nothing";
      enabled.problem(["images", "registry"], message);
    }
    if (missing.length > 0) {
      enabled.problem(
        ["images", "digests"],
        `expected a digest of every image, received none of ${missing.join(", ")}`,
      );
    }
  }
  return { source, ...(registry !== undefined && { registry }), digests };
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}
