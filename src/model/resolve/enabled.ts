import type { AwsModel } from "../aws.ts";
import type { Environment, Scale } from "../environment.ts";
import type { ExternalModel } from "../external.ts";
import { workloadName } from "../names.ts";
import type { ClusterModel, WorkloadModel } from "../platform.ts";
import type { Ref } from "../refs.ts";
import type {
  Capability,
  CheckDefinition,
  Circumstances,
  Endpoint,
  Part,
  Provider,
  ServiceDefinition,
  Volume,
} from "../service.ts";
import { resolveAws } from "./aws.ts";
import { resolveCluster } from "./cluster.ts";
import { resolveExternal } from "./external.ts";
import { Findings } from "./findings.ts";

/** A part with its service, and its name in the stack. */
export interface NamedPart {
  readonly service: ServiceDefinition;
  readonly name: string;
  readonly part: Part;
  readonly workload: string;
}

/** The enabled services of a stack, the providers among them, and the problems found. */
export class EnabledServices extends Findings {
  readonly services: readonly ServiceDefinition[];
  readonly parts: readonly NamedPart[];
  readonly cluster: ClusterModel | null;
  readonly aws: AwsModel | null;
  readonly external: ExternalModel;

  constructor(environment: Environment) {
    super(environment);
    this.cluster = resolveCluster(this);
    this.aws = resolveAws(this);
    this.external = resolveExternal(this);
    this.services = environment.services
      .filter((s) => this.config(s).enabled)
      .map((s) => underCircumstances(s, this.config(s).options, this));
    this.parts = this.services.flatMap((service) =>
      partsOf(service).filter(({ part }) => part.enabled?.(this.config(service).options, this) ?? true),
    );
  }

  /** The provider of a capability. */
  provider(
    kind: Capability,
  ): { service: ServiceDefinition; provider: Provider; workload: string } | undefined {
    const service = this.services.find((s) => s.provides?.[kind]);
    const provider = service?.provides?.[kind];
    return service && provider && { service, provider, workload: workloadName(service.name, provider.part) };
  }

  /** Number of replicas of a part; the minimum if a range is given. */
  replicas(service: ServiceDefinition, part: Part): number {
    const scale = this.#scale(service, part);
    if (scale) return "replicas" in scale ? scale.replicas : scale.min;
    return part.replicas?.(this.config(service).options) ?? 1;
  }

  /** The range in which a target may scale. */
  range(service: ServiceDefinition, part: Part): WorkloadModel["scale"] {
    const scale = this.#scale(service, part);
    return scale && !("replicas" in scale) ? scale : null;
  }

  #scale(service: ServiceDefinition, part: Part): Scale | undefined {
    const name = this.parts.find((named) => named.part === part)?.name;
    return name === undefined ? undefined : this.config(service).scale?.[name];
  }

  /** A part's port inside the network. */
  port(workload: string, endpoint: string): number | undefined {
    const endpoints = this.parts.find((p) => p.workload === workload)?.part.endpoints ?? {};
    return Object.hasOwn(endpoints, endpoint) ? endpoints[endpoint]?.port : undefined;
  }

  /**
   * An endpoint's port on 127.0.0.1, offset included; null: not published. A cluster's ingress accepts only
   * HTTP.
   */
  published(service: ServiceDefinition, name: string, endpoint: Endpoint | undefined): number | null {
    if (endpoint?.published === undefined || (this.cluster && endpoint.protocol === "tcp")) return null;
    const port = this.config(service).ports?.[name] ?? endpoint.published;
    return port === false ? null : port + this.environment.config.portOffset;
  }
}

/** A service with only the endpoints that are enabled here. */
function underCircumstances(
  service: ServiceDefinition,
  options: unknown,
  circumstances: Circumstances,
): ServiceDefinition {
  const parts = Object.entries(service.parts).map(([name, part]) => {
    if (!part.endpoints) return [name, part];
    const endpoints = Object.entries(part.endpoints)
      .filter(([, endpoint]) => endpoint.enabled?.(options, circumstances) ?? true)
      .map(([key, e]) => [key, circumstances.cluster ? { ...e, ...e.inCluster } : e]);
    return [name, { ...part, endpoints: Object.fromEntries(endpoints) }];
  });
  return { ...service, parts: Object.fromEntries(parts) as ServiceDefinition["parts"] };
}

/** The version for these options. */
export function versionOf(enabled: EnabledServices, service: ServiceDefinition): string {
  const { version } = service;
  return typeof version === "string" ? version : version(enabled.config(service).options);
}

export function checksOf(enabled: EnabledServices, service: ServiceDefinition): [string, CheckDefinition][] {
  const { options } = enabled.config(service);
  return Object.entries(service.checks).filter(([, c]) => c.enabled?.(options as never, enabled) ?? true);
}

export function volumesOf(enabled: EnabledServices, { service, part }: NamedPart): [string, Volume][] {
  const { options } = enabled.config(service);
  return Object.entries(part.volumes ?? {}).filter(([, v]) => v.enabled?.(options, enabled) ?? true);
}

/** Who asks for a login at an endpoint: without a gateway, only the service itself can. */
export const authOf = (endpoint: Endpoint): "gateway" | "own" =>
  endpoint.protocol === "http" ? (endpoint.auth ?? "gateway") : "own";

export function partsOf(service: ServiceDefinition): NamedPart[] {
  return Object.entries(service.parts).map(([name, part]) => ({
    service,
    name,
    part,
    workload: workloadName(service.name, name),
  }));
}

export const address = (
  workload: string,
  endpoint: string,
  part: "host" | "port" | "url" | "every",
): Ref => ({
  ref: "address",
  workload,
  endpoint,
  part,
});
