import type { Environment } from "../config/load.ts";
import { ConfigError, type Problem } from "../config/error.ts";
import type { ServiceConfig } from "../config/schema.ts";
import { startOrder } from "./graph.ts";
import { workloadName } from "./names.ts";
import type { BucketGrant, DatabaseGrant, Need, Needs } from "./needs.ts";
import type { EndpointModel, PlatformModel, SecretModel, ServiceModel, ServiceSummary, WorkloadModel } from "./platform.ts";
import { type Ref, type Template, type Text, template } from "./refs.ts";
import type { Capability, CheckView, Part, PartContext, Provider, ServiceDefinition } from "./service.ts";
import { parseCpu, parseDuration, parseSize } from "./units.ts";

/**
 * Environment -> PlatformModel: pure and synchronous. Throws one ConfigError with everything that can't be resolved:
 * missing needs, cycles, ports that meet.
 */
export function resolvePlatform(environment: Environment): PlatformModel {
  return new Resolver(environment).run();
}

class Resolver {
  readonly #env: Environment;
  readonly #services: readonly ServiceDefinition[];
  readonly #problems: Problem[] = [];
  readonly #databases: { grant: DatabaseGrant; service: string }[] = [];
  readonly #buckets: { grant: BucketGrant; service: string }[] = [];
  readonly #secrets = new Map<string, SecretModel>();
  /** Service -> its needs' grants. */
  readonly #grants = new Map<string, Record<string, unknown>>();

  constructor(environment: Environment) {
    this.#env = environment;
    this.#services = environment.services.filter((s) => this.#config(s).enabled);
  }

  run(): PlatformModel {
    const order = this.#order();
    for (const service of this.#services) {
      this.#grants.set(service.name, this.#grantAll(service, service.needs, service.name, "needs"));
    }
    const checks = this.#services.flatMap((service) => this.#checkViews(service));
    this.#checkPorts();
    this.#checkSecretVersions();
    if (this.#problems.length > 0) throw new ConfigError(this.#problems);

    const platform = { services: this.#services.map((s) => this.#summary(s)), checks };
    const services = order.map((name) => this.#service(this.#definition(name), platform));
    const { images } = this.#env.config;
    return deepFreeze({
      stack: this.#env.stack,
      target: this.#env.config.target,
      images: {
        source: images.source,
        ...(images.registry !== undefined && { registry: images.registry }),
        digests: images.digests,
      },
      services,
      health: this.#health(),
      secrets: [...this.#secrets.values()].sort((a, b) => (a.id < b.id ? -1 : 1)),
      pipelines: this.#env.pipelines,
    });
  }

  #config(service: ServiceDefinition): ServiceConfig {
    return (this.#env.config.services as Record<string, ServiceConfig>)[service.name] as ServiceConfig;
  }

  #definition(name: string): ServiceDefinition {
    return this.#services.find((s) => s.name === name) as ServiceDefinition;
  }

  #problem(path: (string | number)[], message: string, fix?: string): void {
    this.#problems.push({ path, message, at: this.#env.locate(path), ...(fix && { fix }) });
  }

  /** Who answers a capability. */
  #provider(kind: Capability): { service: ServiceDefinition; provider: Provider } | undefined {
    for (const service of this.#services) {
      const provider = service.provides?.[kind];
      if (provider) return { service, provider };
    }
    return undefined;
  }

  #health(): PlatformModel["health"] {
    const found = this.#provider("health");
    return found
      ? { workload: workloadName(found.service.name, found.provider.part), endpoint: found.provider.endpoint }
      : null;
  }

  #providers(need: Need): readonly string[] {
    if (need.kind === "secret") return [];
    if (need.kind === "endpoint") {
      const owner = this.#services.find((s) => Object.keys(s.parts).some((p) => workloadName(s.name, p) === need.workload));
      return owner ? [owner.name] : [];
    }
    const found = this.#provider(need.kind);
    return found ? [found.service.name] : [];
  }

  #needed(service: ServiceDefinition): string[] {
    const names = Object.values(service.needs).flatMap((need) => this.#providers(need));
    return [...new Set(names)].filter((name) => name !== service.name);
  }

  #order(): readonly string[] {
    const result = startOrder(new Map(this.#services.map((s) => [s.name, this.#needed(s)])));
    if (result.ok) return result.order;
    this.#problem(
      ["services", result.cycle[0] as string],
      `expected services that can be started one after the other, received the cycle ${result.cycle.join(" -> ")}`,
      "Take one of these needs away.",
    );
    throw new ConfigError(this.#problems);
  }

  #grantAll(
    service: ServiceDefinition,
    needs: Needs | undefined,
    scope: string,
    where: string,
  ): Record<string, unknown> {
    return Object.fromEntries(
      Object.entries(needs ?? {}).map(([name, need]) => [name, this.#grant(service, name, need, scope, where)]),
    );
  }

  #grant(service: ServiceDefinition, name: string, need: Need, scope: string, where: string): unknown {
    const missing = (what: string, fix: string) => {
      this.#problem(["services", service.name, where, name], `expected ${what}, received none`, fix);
      return undefined;
    };
    const address = (workload: string, endpointName: string, part: "host" | "port" | "url"): Ref => ({
      ref: "address",
      workload,
      endpoint: endpointName,
      part,
    });
    switch (need.kind) {
      case "secret":
        return this.#secret(`${scope}/${name}`, need.login ?? null);
      case "endpoint": {
        const owner = this.#services.find((s) =>
          Object.entries(s.parts).some(
            ([p, part]) => workloadName(s.name, p) === need.workload && part.endpoints?.[need.endpoint],
          ),
        );
        if (!owner) {
          return missing(
            `the endpoint ${need.endpoint} of ${need.workload}`,
            `Enable the service that has it, or disable ${service.name}.`,
          );
        }
        return {
          kind: "endpoint",
          host: address(need.workload, need.endpoint, "host"),
          port: address(need.workload, need.endpoint, "port"),
          url: address(need.workload, need.endpoint, "url"),
        };
      }
      case "database": {
        const found = this.#provider("database");
        if (!found) return missing("a service that provides databases", "Enable postgres: services.postgres.enabled.");
        const taken = this.#databases.find(({ grant }) => grant.name === need.name);
        if (taken) {
          this.#problem(
            ["services", service.name, where, name],
            `expected a database of its own, received "${need.name}", which ${taken.service} has`,
          );
        }
        const workload = workloadName(found.service.name, found.provider.part);
        const grant: DatabaseGrant = {
          kind: "database",
          host: address(workload, found.provider.endpoint, "host"),
          port: address(workload, found.provider.endpoint, "port"),
          name: need.name,
          user: need.name,
          password: this.#secret(`${scope}/${name}`, null),
        };
        this.#databases.push({ grant, service: service.name });
        return grant;
      }
      case "bucket": {
        const found = this.#provider("bucket");
        if (!found) {
          return missing("a service that provides buckets", "Enable object-store: services.object-store.enabled.");
        }
        const workload = workloadName(found.service.name, found.provider.part);
        const grant: BucketGrant = {
          kind: "bucket",
          url: address(workload, found.provider.endpoint, "url"),
          region: "us-east-1",
          accessKey: `${scope}.${name}`.replace(/[^a-z0-9.-]/g, "-"),
          secretKey: this.#secret(`${scope}/${name}`, null),
          names: need.names,
        };
        this.#buckets.push({ grant, service: service.name });
        return grant;
      }
    }
  }

  #secret(id: string, login: SecretModel["login"]): Ref {
    this.#secrets.set(id, { id, version: this.#env.config.secrets.versions[id] ?? 1, login });
    return { ref: "secret", id };
  }

  #checkSecretVersions(): void {
    for (const id of Object.keys(this.#env.config.secrets.versions)) {
      if (this.#secrets.has(id)) continue;
      this.#problem(
        ["secrets", "versions", id],
        `expected one of ${[...this.#secrets.keys()].join(", ")}, received ${JSON.stringify(id)}`,
      );
    }
  }

  /** A published port is one process's only. */
  #checkPorts(): void {
    const seen = new Map<number, string>();
    for (const service of this.#services) {
      for (const part of Object.values(service.parts)) {
        for (const [name, endpoint] of Object.entries(part.endpoints ?? {})) {
          const port = this.#published(service, name, endpoint.published);
          if (port === null) continue;
          const path = ["services", service.name, "ports", name];
          if (port > 65535) {
            this.#problem(
              path,
              `expected a port of at most 65535 with the offset, received ${port}`,
              "Lower portOffset or this port.",
            );
          }
          const other = seen.get(port);
          if (other) {
            this.#problem(
              path,
              `expected a port of its own, received ${port}, which ${other} has`,
              `Set services.${service.name}.ports.${name} to a free one.`,
            );
          }
          seen.set(port, `${service.name}.${name}`);
        }
      }
    }
  }

  #published(service: ServiceDefinition, endpoint: string, wellKnown: number | undefined): number | null {
    const port = this.#config(service).ports?.[endpoint] ?? wellKnown;
    return port === undefined || port === false ? null : port + this.#env.config.portOffset;
  }

  #checkViews(service: ServiceDefinition): CheckView[] {
    return Object.entries(service.checks).map(([name, c]) => {
      const at = (part: string, endpoint: string, what: "host" | "port" | "url"): Ref => ({
        ref: "address",
        workload: workloadName(service.name, part),
        endpoint,
        part: what,
      });
      return {
        service: service.name,
        name,
        everySeconds: parseDuration(c.every ?? "30s"),
        timeoutSeconds: parseDuration(c.timeout ?? "10s"),
        ...(c.http && {
          http: { url: template(at(c.http.part, c.http.endpoint, "url"), c.http.path), status: c.http.status ?? 200 },
        }),
        ...(c.tcp && {
          tcp: { host: at(c.tcp.part, c.tcp.endpoint, "host"), port: at(c.tcp.part, c.tcp.endpoint, "port") },
        }),
        needs: this.#grantAll(service, c.needs, `core/${service.name}.${name}`.replace("/", "."), `checks.${name}.needs`),
        secrets: Object.fromEntries(
          (c.secrets ?? []).map((s) => [s, (this.#grants.get(service.name) as Record<string, Ref>)[s] as Ref]),
        ),
        endpoints: Object.fromEntries(
          Object.entries(service.parts).flatMap(([part, p]) =>
            Object.keys(p.endpoints ?? {}).map((e) => [`${part}.${e}`, at(part, e, "url")]),
          ),
        ),
      };
    });
  }

  #summary(service: ServiceDefinition): ServiceSummary {
    return {
      name: service.name,
      summary: service.summary,
      version: service.version,
      owner: service.owner ?? "platform",
      endpoints: Object.entries(service.parts).flatMap(([partName, part]) =>
        Object.entries(part.endpoints ?? {}).map(([name, e]) => {
          const workload = workloadName(service.name, partName);
          return {
            name,
            workload,
            summary: e.summary,
            protocol: e.protocol,
            browser: e.browser ?? false,
            url: template({ ref: "publicUrl", workload, endpoint: name }),
            internalUrl: template({ ref: "address", workload, endpoint: name, part: "url" }),
          };
        }),
      ),
      checks: Object.entries(service.checks).map(([name, c]) => ({ name, summary: c.summary })),
    };
  }

  #service(service: ServiceDefinition, platform: PartContext["platform"]): ServiceModel {
    return {
      name: service.name,
      summary: service.summary,
      version: service.version,
      owner: service.owner ?? "platform",
      backup: service.backup,
      checks: Object.entries(service.checks).map(([name, { summary }]) => ({ name, summary })),
      dependsOn: this.#needed(service),
      workloads: Object.entries(service.parts).map(([name, part]) => this.#workload(service, name, part, platform)),
    };
  }

  #workload(
    service: ServiceDefinition,
    partName: string,
    part: Part,
    platform: PartContext["platform"],
  ): WorkloadModel {
    const name = workloadName(service.name, partName);
    const config = this.#config(service);
    const used = part.uses ?? Object.keys(service.needs);
    const grants = this.#grants.get(service.name) ?? {};
    const mine = service.provides ?? {};
    const ctx: PartContext = {
      stack: this.#env.stack,
      needs: grants as PartContext["needs"],
      options: config.options,
      grants: {
        database: mine.database ? this.#databases.map((d) => d.grant) : [],
        bucket: mine.bucket ? this.#buckets.map((b) => b.grant) : [],
      },
      platform,
      pipelines: this.#env.pipelines,
      address: (p, endpoint, what) => ({
        ref: "address",
        workload: workloadName(service.name, p),
        endpoint,
        part: what,
      }),
      publicUrl: (p, endpoint) => ({ ref: "publicUrl", workload: workloadName(service.name, p), endpoint }),
    };
    const resources = config.resources[partName] ?? part.resources;
    const templates = (texts: Readonly<Record<string, Text>>): Record<string, Template> =>
      Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, template(text)]));
    return {
      name,
      service: service.name,
      part: partName,
      image: part.image,
      command: part.command(ctx).map((text) => template(text)),
      env: templates(part.env?.(ctx) ?? {}),
      files: templates(part.files?.(ctx) ?? {}),
      endpoints: Object.entries(part.endpoints ?? {}).map(([endpointName, e]): EndpointModel => {
        const login = e.login === undefined ? undefined : service.needs[e.login];
        return {
          name: endpointName,
          summary: e.summary,
          port: e.port,
          protocol: e.protocol,
          scheme: e.scheme ?? e.protocol,
          published: this.#published(service, endpointName, e.published),
          browser: e.browser ?? false,
          path: e.path ?? "/",
          login:
            login?.kind === "secret" && login.login
              ? { secret: `${service.name}/${e.login}`, user: login.login.user }
              : null,
        };
      }),
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
        policy: config.data ?? this.#env.config.data.policy,
      })),
      milliCpu: parseCpu(String(resources.cpu)),
      memoryBytes: parseSize(resources.memory),
      tmpBytes: parseSize(part.tmp ?? "64Mi"),
      oneShot: part.oneShot ?? false,
      stopGraceSeconds: parseDuration(part.stopGrace ?? "10s"),
      tools: Object.fromEntries(
        Object.entries(part.tools ?? {}).map(([tool, { command, bucket }]) => [
          tool,
          { command, bucket: bucket === undefined ? null : (grants[bucket] as BucketGrant) },
        ]),
      ),
      waitFor: this.#waitFor(service, partName, used),
    };
  }

  /** Endpoints of other workloads that this one's needs name: it starts when they accept connections. */
  #waitFor(service: ServiceDefinition, partName: string, used: readonly string[]): WorkloadModel["waitFor"] {
    const found = new Map<string, number>();
    for (const name of used) {
      const need = service.needs[name];
      if (need?.kind === "endpoint") this.#add(found, need.workload, need.endpoint);
      if (need?.kind === "database" || need?.kind === "bucket") {
        const answer = this.#provider(need.kind);
        if (answer) this.#add(found, workloadName(answer.service.name, answer.provider.part), answer.provider.endpoint);
      }
    }
    for (const after of service.parts[partName]?.after ?? []) {
      this.#add(found, workloadName(service.name, after.part), after.endpoint);
    }
    return [...found].map(([workload, port]) => ({ workload, port }));
  }

  #add(found: Map<string, number>, workload: string, endpoint: string): void {
    for (const service of this.#services) {
      for (const [partName, part] of Object.entries(service.parts)) {
        const port = workloadName(service.name, partName) === workload ? part.endpoints?.[endpoint]?.port : undefined;
        if (port !== undefined) found.set(workload, port);
      }
    }
  }
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}

