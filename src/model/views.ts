import { address, type EnabledServices, partsOf } from "./enabled.ts";
import type { Grants } from "./grants.ts";
import { workloadName } from "./names.ts";
import type { ServiceSummary } from "./platform.ts";
import { type Ref, template } from "./refs.ts";
import type { CheckView, PlatformView, ServiceDefinition } from "./service.ts";
import { parseDuration } from "./units.ts";

/** The platform as it is declared, for services that are derived from the others. */
export function viewPlatform(enabled: EnabledServices, grants: Grants): PlatformView {
  const checks = enabled.services.flatMap((service) => viewChecks(service, grants));
  return { services: enabled.services.map(summarise), checks };
}

function viewChecks(service: ServiceDefinition, grants: Grants): CheckView[] {
  return Object.entries(service.checks).map(([name, { http, tcp, every, timeout, needs, secrets }]) => {
    const at = (part: string, endpoint: string, what: "host" | "port" | "url"): Ref =>
      address(workloadName(service.name, part), endpoint, what);
    const own = grants.of(service);
    return {
      service: service.name,
      name,
      everySeconds: parseDuration(every ?? "30s"),
      timeoutSeconds: parseDuration(timeout ?? "10s"),
      ...(http && {
        http: { url: template(at(http.part, http.endpoint, "url"), http.path), status: http.status ?? 200 },
      }),
      ...(tcp && {
        tcp: { host: at(tcp.part, tcp.endpoint, "host"), port: at(tcp.part, tcp.endpoint, "port") },
      }),
      needs: grants.forCheck(service, name, needs),
      secrets: Object.fromEntries((secrets ?? []).map((s) => [s, own[s] as Ref])),
      endpoints: Object.fromEntries(
        Object.entries(service.parts).flatMap(([part, p]) =>
          Object.keys(p.endpoints ?? {}).map((e) => [`${part}.${e}`, at(part, e, "url")]),
        ),
      ),
    };
  });
}

function summarise(service: ServiceDefinition): ServiceSummary {
  return {
    name: service.name,
    summary: service.summary,
    version: service.version,
    owner: service.owner ?? "platform",
    endpoints: partsOf(service).flatMap(({ part, workload }) =>
      Object.entries(part.endpoints ?? {}).map(([name, e]) => ({
        name,
        workload,
        summary: e.summary,
        protocol: e.protocol,
        browser: e.browser ?? false,
        url: template({ ref: "publicUrl", workload, endpoint: name }),
        internalUrl: template(address(workload, name, "url")),
      })),
    ),
    checks: Object.entries(service.checks).map(([name, c]) => ({ name, summary: c.summary })),
  };
}
