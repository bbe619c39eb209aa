import { instancePrefix, joinName, stackName, workloadName } from "../names.ts";
import { type BucketGrant, waitsFor } from "../needs.ts";
import type { EndpointModel, HomesModel, SpawnModel, WorkloadModel } from "../platform.ts";
import { type Template, type Text, template } from "../refs.ts";
import type { Endpoint, PartContext, PlatformView, ServiceDefinition } from "../service.ts";
import type { Spawn } from "../spawn.ts";
import { parseCpu, parseDuration, parseSize } from "../units.ts";
import { address, authOf, type EnabledServices, type NamedPart, volumesOf } from "./enabled.ts";
import type { Grants } from "./grants.ts";

/** A complete part: texts written, sizes as numbers, defaults filled in. */
export function resolveWorkload(
  enabled: EnabledServices,
  grants: Grants,
  platform: PlatformView,
  { service, name, part, workload }: NamedPart,
): WorkloadModel {
  const config = enabled.config(service);
  const ctx = contextOf(enabled, grants, platform, service);
  const resources = resourcesOf(enabled, service)[name] as Resources;
  const own = grants.of(service);
  const probe = typeof part.probe === "function" ? part.probe(ctx) : part.probe;
  return {
    name: workload,
    service: service.name,
    part: name,
    image: part.image,
    command: part.command(ctx).map((text) => template(text)),
    env: templates(part.env?.(ctx) ?? {}),
    files: templates(part.files?.(ctx) ?? {}),
    replicas: enabled.replicas(service, part),
    scale: enabled.range(service, part),
    scalable: part.scalable ?? false,
    updateOrder: part.updateOrder ?? (part.scalable ? "start-first" : "stop-first"),
    host: part.host ?? [],
    spawns: spawnsOf(enabled, ctx, part, workload),
    homes: homesOf(ctx, part),
    reaches: portsOutside(part.reaches?.(ctx) ?? []),
    ports: portsOf(enabled, { service, name, part, workload }),
    endpoints: Object.entries(part.endpoints ?? {}).map(([endpoint, e]) => ({
      ...resolveEndpoint(service, endpoint, e),
      published: enabled.published(service, endpoint, e),
    })),
    probe: probe
      ? {
          command: probe.command,
          everySeconds: parseDuration(probe.every ?? "30s"),
          withinSeconds: parseDuration(probe.within),
        }
      : null,
    volumes: volumesOf(enabled, { service, name, part, workload }).map(([volume, v]) => ({
      name: volume,
      path: v.path,
      sizeBytes: parseSize(config.storage?.[volume] ?? v.size),
      policy: config.data ?? enabled.environment.config.data.policy,
    })),
    ...resources,
    tmpBytes: parseSize(part.tmp ?? "64Mi"),
    oneShot: part.oneShot ?? false,
    stopGraceSeconds: parseDuration(part.stopGrace ?? "10s"),
    drain: part.drain
      ? { command: part.drain.command, withinSeconds: parseDuration(part.drain.within) }
      : null,
    dump: part.dump ?? null,
    tools: Object.fromEntries(
      Object.entries(part.tools ?? {}).map(([tool, { command, bucket }]) => [
        tool,
        { command, bucket: bucket === undefined ? null : (own[bucket] as BucketGrant) },
      ]),
    ),
    waitFor: waitsOf(enabled, { service, name, part, workload }),
    afterOneShots: preparedBy(enabled, { service, name, part, workload }),
    buckets: bucketsOf(grants, service, part),
  };
}

/** Sorted, each once: the result must not depend on the order of the configuration. */
const portsOutside = (reached: readonly { readonly port: number }[]): WorkloadModel["reaches"] =>
  [...new Set(reached.map(({ port }) => port))].sort((a, b) => a - b).map((port) => ({ port }));

/** The pods that a part spawns; none outside a cluster. */
function spawnsOf(
  enabled: EnabledServices,
  ctx: PartContext,
  part: NamedPart["part"],
  workload: string,
): SpawnModel[] {
  if (!enabled.cluster) return [];
  return Object.entries(part.spawns ?? {}).map(([key, spawn]) => {
    const { cpu, memory } = spawn.resources(ctx);
    return {
      name: joinName(workload, key),
      key,
      summary: spawn.summary,
      image: spawn.image,
      env: templates(spawn.env?.(ctx) ?? {}),
      files: templates(spawn.files?.(ctx) ?? {}),
      milliCpu: parseCpu(cpu),
      memoryBytes: parseSize(memory),
      tmpBytes: parseSize(spawn.tmp ?? "64Mi"),
      kind: spawn.kind ?? "Pod",
      home: homeOf(ctx, spawn),
      diskBytes: parseSize(spawn.disk ?? "1Gi"),
      ownSecrets: spawn.ownSecrets ?? false,
      ports: spawn.ports ?? [],
      atMost: spawn.atMost(ctx),
    };
  });
}

function homesOf(ctx: PartContext, part: NamedPart["part"]): HomesModel[] {
  return Object.entries(part.spawns ?? {}).flatMap(([key, spawn]) => {
    const home = homeOf(ctx, spawn);
    return home ? [{ key, ...home }] : [];
  });
}

function homeOf(ctx: PartContext, spawn: Spawn): SpawnModel["home"] {
  const home = spawn.home?.(ctx);
  return home ? { path: home.path, sizeBytes: parseSize(home.size) } : null;
}

interface Resources {
  readonly memoryBytes: number;
  readonly milliCpu: number;
}

/** Limits of a service's parts, as configured. */
export function resourcesOf(enabled: EnabledServices, service: ServiceDefinition): Record<string, Resources> {
  const { resources } = enabled.config(service);
  return Object.fromEntries(
    Object.entries(service.parts).map(([name, part]) => {
      const { cpu, memory } = resources[name] ?? part.resources;
      return [name, { milliCpu: parseCpu(String(cpu)), memoryBytes: parseSize(memory) }];
    }),
  );
}

/**
 * The published ports of a container. Inside its container a gateway listens on the published numbers, so
 * that clients and the gateway see the same port, such as 127.0.0.1:8501; no other container publishes ports
 * then.
 */
function portsOf(enabled: EnabledServices, own: NamedPart): WorkloadModel["ports"] {
  const gateway = enabled.provider("gateway");
  const published = (part: NamedPart) =>
    Object.entries(part.part.endpoints ?? {}).flatMap(([name, e]) => {
      const external = enabled.published(part.service, name, e);
      return external === null ? [] : [{ internal: e.port, external }];
    });
  if (!gateway) return published(own);
  if (gateway.workload !== own.workload) return [];
  return enabled.parts
    .flatMap(published)
    .map(({ external }) => ({ internal: external, external }))
    .sort((a, b) => a.external - b.external);
}

function contextOf(
  enabled: EnabledServices,
  grants: Grants,
  platform: PlatformView,
  service: ServiceDefinition,
): PartContext {
  const { stack, config, pipelines } = enabled.environment;
  const mine = service.provides ?? {};
  return {
    stack,
    target: config.target,
    needs: grants.of(service) as PartContext["needs"],
    options: enabled.config(service).options,
    grants: {
      database: mine.database ? grants.databases.map((d) => d.grant) : [],
      bucket: mine.bucket ? grants.buckets.map((b) => b.grant) : [],
    },
    platform,
    pipelines,
    image: (name) => ({ ref: "image", name }),
    resources: resourcesOf(enabled, service),
    networkName: stackName(stack),
    instancePrefix: instancePrefix(stack),
    cluster: enabled.cluster,
    external: enabled.external,
    address: (part, endpoint, what) => address(workloadName(service.name, part), endpoint, what),
    publicUrl: (part, endpoint, what) => ({
      ref: "publicUrl",
      workload: workloadName(service.name, part),
      endpoint,
      ...(what && { part: what }),
    }),
  };
}

function resolveEndpoint(
  service: ServiceDefinition,
  name: string,
  e: Endpoint,
): Omit<EndpointModel, "published"> {
  return {
    name,
    summary: e.summary,
    port: e.port,
    protocol: e.protocol,
    scheme: e.scheme ?? e.protocol,
    browser: e.browser ?? false,
    path: e.path ?? "/",
    auth: authOf(e),
    login: loginOf(service, e),
  };
}

/** The login of an endpoint: the user and the secret. */
export function loginOf(service: ServiceDefinition, e: Endpoint): EndpointModel["login"] {
  const need = e.login === undefined ? undefined : service.needs[e.login];
  const login = need?.kind === "secret" ? need.login : undefined;
  return login ? { user: login.user, secret: `${service.name}/${e.login}` } : null;
}

/** Endpoints of other workloads that this one's needs name: it starts when they accept connections. */
export function waitsOf(
  enabled: EnabledServices,
  { service, part, workload }: NamedPart,
): WorkloadModel["waitFor"] {
  const wanted: { workload: string; endpoint: string }[] = [];
  for (const name of part.uses ?? Object.keys(service.needs)) {
    const need = service.needs[name];
    if (need?.kind === "endpoint" && waitsFor(need)) wanted.push(need);
    if (need?.kind === "database" || need?.kind === "bucket") {
      const found = enabled.external[need.kind] ? undefined : enabled.provider(need.kind);
      if (found) wanted.push({ workload: found.workload, endpoint: found.provider.endpoint });
    }
  }
  for (const { part: other, endpoint } of part.after ?? []) {
    wanted.push({ workload: workloadName(service.name, other), endpoint });
  }
  const found = new Map<string, { workload: string; port: number }>();
  for (const { workload: other, endpoint } of wanted) {
    const port = enabled.port(other, endpoint);
    if (port !== undefined && other !== workload) found.set(`${other}:${port}`, { workload: other, port });
  }
  return [...found.values()];
}

/** Preparation of an external server: one-shots of the service that is replaced by it. */
function preparedBy(enabled: EnabledServices, { service, part }: NamedPart): string[] {
  const kinds = (part.uses ?? Object.keys(service.needs)).map((name) => service.needs[name]?.kind);
  const found = (["database", "bucket"] as const)
    .filter((kind) => kinds.includes(kind) && enabled.external[kind])
    .map((kind) => enabled.provider(kind)?.service);
  return enabled.parts
    .filter((other) => other.part.oneShot && other.service !== service && found.includes(other.service))
    .map((other) => other.workload);
}

/** Buckets of the needs that a part uses; the core also has those of all checks. */
function bucketsOf(grants: Grants, service: ServiceDefinition, part: NamedPart["part"]): string[] {
  const used = new Set<unknown>(
    (part.uses ?? Object.keys(service.needs)).map((name) => grants.of(service)[name]),
  );
  const own = new Set<unknown>(Object.values(grants.of(service)));
  const held = grants.buckets
    .filter(({ grant, holder }) => holder === service.name && (used.has(grant) || !own.has(grant)))
    .flatMap(({ grant }) => grant.names);
  return [...new Set(held)].sort();
}

const templates = (texts: Readonly<Record<string, Text>>): Record<string, Template> =>
  Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, template(text)]));
