import { workloadName } from "../names.ts";
import type { ServiceSummary } from "../platform.ts";
import type {
  CheckView,
  CollectorView,
  EndpointView,
  PlatformView,
  ScrapeView,
  WorkloadView,
} from "../platform-view.ts";
import { type Ref, template } from "../refs.ts";
import type { CheckDefinition, CollectorDefinition, ServiceDefinition } from "../service.ts";
import { parseDuration, parseSize } from "../units.ts";
import {
  address,
  authOf,
  checksOf,
  type EnabledServices,
  type NamedPart,
  versionOf,
  volumesOf,
} from "./enabled.ts";
import type { Grants } from "./grants.ts";
import { loginOf, resourcesOf } from "./workload.ts";

/** The platform as it is declared, for services whose files are derived from the others. */
export function viewPlatform(enabled: EnabledServices, grants: Grants): PlatformView {
  const { services, parts } = enabled;
  return {
    services: services.map((service) => summarise(enabled, service)),
    checks: services.flatMap((service) =>
      checksOf(enabled, service).map(([name, check]) => viewCheck(enabled, service, name, check, grants)),
    ),
    collectors: services.flatMap((service) =>
      Object.entries(service.collectors ?? {})
        .filter(([, collector]) => collector.enabled?.(enabled) ?? true)
        .map(([name, collector]) => ({
          ...viewTask(enabled, service, name, collector, grants),
          needs: grants.forCollector(service, name, collector.needs),
        })),
    ),
    workloads: parts.map((part) => viewWorkload(enabled, part)),
    endpoints: parts.flatMap((part) => viewEndpoints(enabled, grants, part)),
    scrapes: parts.flatMap((part) => viewScrapes(enabled, grants, part)),
    alerts: services.flatMap((service) =>
      (service.alerts?.(enabled.config(service).options, enabled) ?? []).map((rule) => ({
        service: service.name,
        ...rule,
      })),
    ),
  };
}

const urlOf = (service: ServiceDefinition, part: string, endpoint: string, what: "host" | "port" | "url") =>
  address(workloadName(service.name, part), endpoint, what);

/** A whole platform starts faster than this on two cores. */
const startSeconds = 120;

/** What checks and collectors have in common. */
function viewTask(
  enabled: EnabledServices,
  service: ServiceDefinition,
  name: string,
  task: CheckDefinition | CollectorDefinition,
  grants: Grants,
): Omit<CollectorView, "needs"> {
  const own = grants.of(service);
  return {
    service: service.name,
    name,
    everySeconds: parseDuration(task.every ?? "30s"),
    timeoutSeconds: parseDuration(task.timeout ?? "10s"),
    secrets: Object.fromEntries((task.secrets ?? []).map((s) => [s, own[s] as Ref])),
    endpoints: Object.fromEntries(
      enabled.parts
        .filter((named) => named.service === service)
        .flatMap(({ name: part, part: { endpoints } }) =>
          Object.keys(endpoints ?? {}).map((e) => [`${part}.${e}`, urlOf(service, part, e, "url")]),
        ),
    ),
  };
}

function viewCheck(
  enabled: EnabledServices,
  service: ServiceDefinition,
  name: string,
  check: CheckDefinition,
  grants: Grants,
): CheckView {
  const { http, tcp } = check;
  return {
    ...viewTask(enabled, service, name, check, grants),
    startSeconds,
    ...(http && {
      http: {
        url: template(urlOf(service, http.part, http.endpoint, "url"), http.path),
        status: http.status ?? 200,
      },
    }),
    ...(tcp && {
      tcp: {
        host: urlOf(service, tcp.part, tcp.endpoint, "host"),
        port: urlOf(service, tcp.part, tcp.endpoint, "port"),
      },
    }),
    needs: grants.forCheck(service, name, check.needs),
  };
}

function viewWorkload(enabled: EnabledServices, named: NamedPart): WorkloadView {
  const { service, name, part, workload } = named;
  const { storage } = enabled.config(service);
  return {
    service: service.name,
    name: workload,
    part: name,
    replicas: enabled.replicas(service, part),
    oneShot: part.oneShot ?? false,
    ...(resourcesOf(enabled, service)[name] as { memoryBytes: number; milliCpu: number }),
    volumes: volumesOf(enabled, named).map(([volume, v]) => ({
      name: volume,
      sizeBytes: parseSize(storage?.[volume] ?? v.size),
    })),
  };
}

function viewEndpoints(
  enabled: EnabledServices,
  grants: Grants,
  { service, part, workload }: NamedPart,
): EndpointView[] {
  return Object.entries(part.endpoints ?? {}).map(([name, e]) => ({
    service: service.name,
    workload,
    name,
    summary: e.summary,
    protocol: e.protocol,
    scheme: e.scheme ?? e.protocol,
    port: e.port,
    published: enabled.published(service, name, e),
    browser: e.browser ?? false,
    path: e.path ?? "/",
    auth: authOf(e),
    internal: e.internal ?? [],
    selfGuarded: e.selfGuarded ?? [],
    cookies: e.cookies ?? [],
    answers: e.answers ?? {},
    login: grants.login(service, e.login),
  }));
}

function viewScrapes(
  enabled: EnabledServices,
  grants: Grants,
  { service, part, workload }: NamedPart,
): ScrapeView[] {
  const { options } = enabled.config(service);
  const scrapes = Object.entries(part.metrics ?? {}).filter(([, s]) => s.enabled?.(options, enabled) ?? true);
  return scrapes.map(([name, scrape]) => ({
    service: service.name,
    workload,
    job: name === "main" ? workload : `${workload}-${name}`,
    host: address(workload, scrape.endpoint, isSeveral(enabled, service, part) ? "every" : "host"),
    port: enabled.port(workload, scrape.endpoint) as number,
    scheme: part.endpoints?.[scrape.endpoint]?.scheme ?? "http",
    path: scrape.path ?? "/metrics",
    everySeconds: parseDuration(scrape.every ?? "15s"),
    replicas: enabled.replicas(service, part),
    several: isSeveral(enabled, service, part),
    basic: grants.login(service, scrape.login),
    bearer: scrape.bearer === undefined ? null : { ref: "secret", id: `${service.name}/${scrape.bearer}` },
  }));
}

const isSeveral = (enabled: EnabledServices, service: ServiceDefinition, part: NamedPart["part"]) =>
  enabled.replicas(service, part) > 1 || enabled.range(service, part) !== null;

function summarise(enabled: EnabledServices, service: ServiceDefinition): ServiceSummary {
  return {
    name: service.name,
    summary: service.summary,
    version: versionOf(enabled, service),
    owner: service.owner ?? "platform",
    endpoints: enabled.parts
      .filter((named) => named.service === service)
      .flatMap(({ part, workload }) =>
        Object.entries(part.endpoints ?? {}).map(([name, e]) => ({
          name,
          workload,
          summary: e.summary,
          protocol: e.protocol,
          browser: e.browser ?? false,
          auth: authOf(e),
          login: loginOf(service, e),
          url: template({ ref: "publicUrl", workload, endpoint: name }),
          internalUrl: template(address(workload, name, "url")),
        })),
      ),
    checks: checksOf(enabled, service).map(([name, c]) => ({ name, summary: c.summary })),
  };
}
