import { didYouMean } from "../../nearest.ts";
import type {
  BucketGrant,
  BucketNeed,
  DatabaseGrant,
  EndpointGrant,
  EndpointNeed,
  Need,
  Needs,
} from "../needs.ts";
import type { SecretModel } from "../platform.ts";
import { external, type Ref } from "../refs.ts";
import type { ServiceDefinition } from "../service.ts";
import { address, type EnabledServices, partsOf } from "./enabled.ts";

/** A grant, or undefined if no service provides it, which is reported as a problem. */
type Answer = DatabaseGrant | BucketGrant | EndpointGrant | Ref | null | undefined;

/** Resolves the needs of a stack's services to grants, and remembers the grants. */
export class Grants {
  readonly databases: { grant: DatabaseGrant; service: string }[] = [];
  /** `holder`: the service whose workloads receive it. */
  readonly buckets: { grant: BucketGrant; service: string; holder: string }[] = [];
  readonly #enabled: EnabledServices;
  readonly #secrets = new Map<string, SecretModel>();
  readonly #ofServices = new Map<string, Record<string, Answer>>();

  constructor(enabled: EnabledServices) {
    this.#enabled = enabled;
    for (const service of enabled.services) {
      // A service without workloads needs nothing; its checks have their own needs.
      const needs = enabled.parts.some((part) => part.service === service) ? service.needs : {};
      this.#ofServices.set(service.name, this.#all(service, needs, service.name, ["needs"]));
    }
  }

  /** Resolves the needs of a service's collector, which the core runs too. */
  forCollector(service: ServiceDefinition, name: string, needs: Needs | undefined): Record<string, Answer> {
    return this.#all(service, needs, checkScope(service, name), ["collectors", name, "needs"]);
  }

  /** The login of an endpoint: the user, and the secret of the service that has the endpoint. */
  login(service: ServiceDefinition, need: string | undefined): { user: string; password: Ref } | null {
    const wanted = need === undefined ? undefined : service.needs[need];
    if (wanted?.kind !== "secret" || !wanted.login) return null;
    return { user: wanted.login.user, password: { ref: "secret", id: `${service.name}/${need}` } };
  }

  /** The grants of a service, by the need's name. */
  of(service: ServiceDefinition): Readonly<Record<string, Answer>> {
    return this.#ofServices.get(service.name) ?? {};
  }

  /** Resolves the needs of a service's check: the core runs it with its own grants. */
  forCheck(service: ServiceDefinition, check: string, needs: Needs | undefined): Record<string, Answer> {
    return this.#all(service, needs, checkScope(service, check), ["checks", check, "needs"]);
  }

  get secrets(): SecretModel[] {
    return [...this.#secrets.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /**
   * A version belongs to a secret's id: an unknown id is an error. Versions of disabled services are kept.
   */
  checkVersions(): void {
    const { environment } = this.#enabled;
    const known = environment.services.flatMap(secretIds).sort();
    for (const id of Object.keys(environment.config.secrets.versions)) {
      if (known.includes(id)) continue;
      const message = `expected one of ${known.join(", ")}, received ${JSON.stringify(id)}`;
      this.#enabled.problem(["secrets", "versions", id], message, didYouMean(id, known).fix);
    }
  }

  #all(service: ServiceDefinition, needs: Needs | undefined, scope: string, where: string[]) {
    return Object.fromEntries(
      Object.entries(needs ?? {}).map(([name, need]) => [
        name,
        this.#answer(service, name, need, scope, ["services", service.name, ...where, name]),
      ]),
    );
  }

  #answer(service: ServiceDefinition, name: string, need: Need, scope: string, path: string[]): Answer {
    const id = `${scope}/${name}`;
    switch (need.kind) {
      case "secret":
        return this.#secret(id, need.login ?? null);
      case "endpoint":
        return this.#endpoint(service, need, path);
      case "database": {
        const outside = this.#enabled.external.database;
        const found = this.#enabled.provider("database");
        if (!found && !outside) return this.#nobody(service, "database", path);
        const called = `${outside?.prefix ?? ""}${need.name}`;
        const taken = this.databases.find(({ grant }) => grant.name === called);
        if (taken) {
          const message = `expected a database name of its own, received "${need.name}", which ${taken.service} uses`;
          this.#enabled.problem(path, message);
        }
        const at = (part: "host" | "port"): Ref =>
          outside || !found
            ? { ref: "outside", capability: "database", part }
            : address(found.workload, found.provider.endpoint, part);
        const grant: DatabaseGrant = {
          kind: "database",
          host: at("host"),
          port: at("port"),
          name: called,
          user: called,
          // The role's creator chose its password.
          password:
            outside && !outside.admin ? external(`database-${need.name}`, "url") : this.#secret(id, null),
          ...(outside?.tls && { tls: true as const }),
          ...(need.monitor && { monitor: true }),
        };
        this.databases.push({ grant, service: service.name });
        return grant;
      }
      case "bucket": {
        const grant = this.#bucket(service, need, id, path);
        const core = this.#enabled.provider("health")?.service.name;
        // The core receives the grants of checks and collectors.
        const holder = scope === service.name ? service.name : (core ?? service.name);
        if (grant) this.buckets.push({ grant, service: service.name, holder });
        return grant;
      }
    }
  }

  #bucket(service: ServiceDefinition, need: BucketNeed, id: string, path: string[]): BucketGrant | undefined {
    const who = id.replace("/", ".").replace(/[^a-z0-9.-]/g, "-");
    const outside = this.#enabled.external.bucket;
    if (outside) {
      const { region, prefix } = outside;
      const key = outside.keys[who] ?? outside.credentials;
      return {
        kind: "bucket",
        url: { ref: "outside", capability: "bucket", part: "url" },
        region,
        accessKey: key?.accessKey ?? "",
        secretKey: key ? external(key.secret, "text") : "",
        names: need.names.map((name) => `${prefix}${name}`),
        prefix,
      };
    }
    const found = this.#enabled.provider("bucket");
    if (!found) return this.#nobody(service, "bucket", path);
    return {
      kind: "bucket",
      url: address(found.workload, found.provider.endpoint, "url"),
      region: "us-east-1",
      accessKey: who,
      secretKey: this.#secret(id, null),
      names: need.names,
    };
  }

  #endpoint(service: ServiceDefinition, need: EndpointNeed, path: string[]): Answer {
    const { workload, endpoint } = need;
    const owner = this.#enabled.parts.find((p) => p.workload === workload);
    if (this.#enabled.port(workload, endpoint) === undefined) {
      const exists = this.#enabled.environment.services
        .flatMap(partsOf)
        .some((p) => p.workload === workload && p.part.endpoints?.[endpoint]);
      if (need.optional && exists) return null;
      const all = this.#enabled.environment.services.flatMap(partsOf);
      const disabled = all.find((p) => p.workload === workload && p.part.endpoints?.[endpoint]);
      const known = this.#enabled.parts.flatMap((p) =>
        Object.keys(p.part.endpoints ?? {}).map((e) => `${p.workload}.${e}`),
      );
      const wanted = `${workload}.${endpoint}`;
      if (disabled) this.#isDisabled(service, disabled.service, `the endpoint ${wanted}`, path);
      else {
        const message = `expected one of the endpoints ${known.join(", ")}, received ${wanted}`;
        this.#enabled.problem(path, message, didYouMean(wanted, known).fix);
      }
      return undefined;
    }
    const at = (part: "host" | "port" | "url") => address(workload, endpoint, part);
    const login = owner && this.login(owner.service, owner.part.endpoints?.[endpoint]?.login);
    return {
      kind: "endpoint",
      host: at("host"),
      port: at("port"),
      url: at("url"),
      user: login?.user ?? null,
      password: login?.password ?? null,
    };
  }

  #nobody(service: ServiceDefinition, kind: "database" | "bucket", path: string[]): undefined {
    const what = `a service that provides ${kind}s`;
    const disabled = this.#enabled.environment.services.find((s) => s.provides?.[kind]);
    if (disabled) this.#isDisabled(service, disabled, what, path);
    else this.#enabled.problem(path, `expected ${what}, received none`);
    return undefined;
  }

  #isDisabled(service: ServiceDefinition, owner: ServiceDefinition, what: string, path: string[]): void {
    const place = ["services", owner.name, "enabled"];
    this.#enabled.problem(
      path,
      `expected ${what}, received none: ${owner.name} is disabled`,
      owner === service
        ? `Set services.${owner.name}.enabled to true.`
        : `Set services.${owner.name}.enabled to true, or services.${service.name}.enabled to false.`,
      place,
    );
  }

  #secret(id: string, login: SecretModel["login"]): Ref {
    const { versions } = this.#enabled.environment.config.secrets;
    this.#secrets.set(id, { id, version: versions[id] ?? 1, login });
    return { ref: "secret", id };
  }
}

const checkScope = (service: ServiceDefinition, check: string): string => `core.${service.name}.${check}`;

/** Ids of all secrets of a service's needs and checks. */
function secretIds(service: ServiceDefinition): string[] {
  const ids = (scope: string, needs: Needs = {}) =>
    Object.entries(needs)
      .filter(([, need]) => need.kind !== "endpoint")
      .map(([name]) => `${scope}/${name}`);
  return [
    ...ids(service.name, service.needs),
    ...[...Object.entries(service.checks), ...Object.entries(service.collectors ?? {})].flatMap(([name, c]) =>
      ids(checkScope(service, name), c.needs),
    ),
  ];
}
