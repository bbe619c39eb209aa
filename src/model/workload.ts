import { address, type EnabledServices, type NamedPart } from "./enabled.ts";
import type { Grants } from "./grants.ts";
import { workloadName } from "./names.ts";
import type { BucketGrant } from "./needs.ts";
import type { EndpointModel, WorkloadModel } from "./platform.ts";
import { type Template, type Text, template } from "./refs.ts";
import type { Endpoint, PartContext, PlatformView, ServiceDefinition } from "./service.ts";
import { parseCpu, parseDuration, parseSize } from "./units.ts";

/** What a part is, complete: its texts written, its sizes numbers, its defaults filled in. */
export function resolveWorkload(
  enabled: EnabledServices,
  grants: Grants,
  platform: PlatformView,
  { service, name, part, workload }: NamedPart,
): WorkloadModel {
  const config = enabled.config(service);
  const ctx = contextOf(enabled, grants, platform, service);
  const resources = config.resources[name] ?? part.resources;
  const own = grants.of(service);
  return {
    name: workload,
    service: service.name,
    part: name,
    image: part.image,
    command: part.command(ctx).map((text) => template(text)),
    env: templates(part.env?.(ctx) ?? {}),
    files: templates(part.files?.(ctx) ?? {}),
    endpoints: Object.entries(part.endpoints ?? {}).map(([endpoint, e]) => ({
      ...resolveEndpoint(service, endpoint, e),
      published: enabled.published(service, endpoint, e.published),
    })),
    probe: part.probe
      ? {
          command: part.probe.command,
          everySeconds: parseDuration(part.probe.every ?? "10s"),
          withinSeconds: parseDuration(part.probe.within),
        }
      : null,
    volumes: Object.entries(part.volumes ?? {}).map(([volume, v]) => ({
      name: volume,
      path: v.path,
      sizeBytes: parseSize(config.storage?.[volume] ?? v.size),
      policy: config.data ?? enabled.environment.config.data.policy,
    })),
    milliCpu: parseCpu(String(resources.cpu)),
    memoryBytes: parseSize(resources.memory),
    tmpBytes: parseSize(part.tmp ?? "64Mi"),
    oneShot: part.oneShot ?? false,
    stopGraceSeconds: parseDuration(part.stopGrace ?? "10s"),
    tools: Object.fromEntries(
      Object.entries(part.tools ?? {}).map(([tool, { command, bucket }]) => [
        tool,
        { command, bucket: bucket === undefined ? null : (own[bucket] as BucketGrant) },
      ]),
    ),
    waitFor: waitsOf(enabled, { service, name, part, workload }),
  };
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
    address: (part, endpoint, what) => address(workloadName(service.name, part), endpoint, what),
    publicUrl: (part, endpoint) => ({
      ref: "publicUrl",
      workload: workloadName(service.name, part),
      endpoint,
    }),
  };
}

function resolveEndpoint(
  service: ServiceDefinition,
  name: string,
  e: Endpoint,
): Omit<EndpointModel, "published"> {
  const need = e.login === undefined ? undefined : service.needs[e.login];
  const login = need?.kind === "secret" ? need.login : undefined;
  return {
    name,
    summary: e.summary,
    port: e.port,
    protocol: e.protocol,
    scheme: e.scheme ?? e.protocol,
    browser: e.browser ?? false,
    path: e.path ?? "/",
    login: login ? { secret: `${service.name}/${e.login}`, user: login.user } : null,
  };
}

/** Endpoints of other workloads that this one's needs name: it starts when they accept connections. */
export function waitsOf(
  enabled: EnabledServices,
  { service, part, workload }: NamedPart,
): WorkloadModel["waitFor"] {
  const wanted: { workload: string; endpoint: string }[] = [];
  for (const name of part.uses ?? Object.keys(service.needs)) {
    const need = service.needs[name];
    if (need?.kind === "endpoint") wanted.push(need);
    if (need?.kind === "database" || need?.kind === "bucket") {
      const found = enabled.provider(need.kind);
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

const templates = (texts: Readonly<Record<string, Text>>): Record<string, Template> =>
  Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, template(text)]));
