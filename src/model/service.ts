import type { z } from "zod";
import type { AlertRule } from "./alert.ts";
import type { Capability } from "./capability.ts";
import type { Drain, Dump, HostAccess, UpdateOrder } from "./lifecycle.ts";
import type { Need, Needs } from "./needs.ts";
import type { Circumstances, PartContext } from "./part-context.ts";
import type { Text } from "./refs.ts";
import type { Spawn } from "./spawn.ts";

export type * from "./alert.ts";
export type * from "./capability.ts";
export type * from "./lifecycle.ts";
export type * from "./part-context.ts";
export type * from "./platform-view.ts";
export type * from "./spawn.ts";

/** One part of the platform. Everything specific to a product is in the one file that defines it. */
export interface ServiceDefinition<N extends Needs = Needs, O = unknown> {
  /** DNS-safe, unique. */
  readonly name: string;
  /** One sentence that says what it is for. */
  readonly summary: string;
  /** The product's version, shown in the registry. */
  readonly version: string | ((options: O) => string);
  /** Whether a stack has it by default. @default true */
  readonly enabledByDefault?: boolean;
  /** Team or person that is responsible for it. @default "platform" */
  readonly owner?: string;
  readonly needs: N;
  /** The capabilities that it provides to others: at most one enabled service per capability. */
  readonly provides?: Readonly<Partial<Record<Capability, Provider>>>;
  /** zod schema of `services.<name>.options`; an empty object must be valid. */
  readonly options?: z.ZodType<O>;
  /** Its containers. The part `main` has the service's name, another is `<service>-<part>`. */
  readonly parts: Readonly<Record<string, Part<N, O>>>;
  /** Functional checks, run by the core. */
  readonly checks: Readonly<Record<string, CheckDefinition>>;
  /** Measurements that the core takes on a schedule, for services without metrics of their own. */
  readonly collectors?: Readonly<Record<string, CollectorDefinition>>;
  /** Additional alerts; every service has some by default. */
  readonly alerts?: (options: O, circumstances: Circumstances) => readonly AlertRule[];
  /** What saves its state, in a sentence. */
  readonly backup: string;
}

/** The endpoint that provides a capability. */
export interface Provider {
  readonly part: string;
  readonly endpoint: string;
  /** Of a gateway: the secret need that opens every API as a bearer token. */
  readonly token?: string;
}

export interface Part<N extends Needs = Needs, O = unknown> {
  /** Logical image name, see src/images. */
  readonly image: string;
  readonly command: (ctx: PartContext<N, O>) => readonly Text[];
  readonly env?: (ctx: PartContext<N, O>) => Readonly<Record<string, Text>>;
  /** Files under /run/datalab, readable by this workload only. */
  readonly files?: (ctx: PartContext<N, O>) => Readonly<Record<string, Text>>;
  readonly endpoints?: Readonly<Record<string, Endpoint<O>>>;
  /** Which of the service's needs this part uses. @default all */
  readonly uses?: readonly (keyof N & string)[];
  /** Endpoints of the same service's other parts that must accept connections before this one starts. */
  readonly after?: readonly Provider[];
  readonly probe?: Probe | ((ctx: PartContext<N, O>) => Probe);
  /** Metrics that Prometheus reads, by the job's name; the job of `main` has the workload's name. */
  readonly metrics?: Readonly<Record<string, Scrape<O>>>;
  readonly volumes?: Readonly<Record<string, Volume<O>>>;
  /** Requests and limits: cpu such as "250m" (share), memory such as "512Mi" (limit). */
  readonly resources: { readonly cpu: string; readonly memory: string };
  /** Size of /tmp, a memory file system. @default "64Mi" */
  readonly tmp?: string;
  /** Runs once per change of its content, instead of permanently. */
  readonly oneShot?: boolean;
  /** Whether the part exists with these options. @default always */
  readonly enabled?: (options: O, circumstances: Circumstances) => boolean;
  /** Number of replicas behind its one name. @default 1 */
  readonly replicas?: (options: O) => number;
  /** Stateless, so the configuration may set several replicas or a range for an autoscaler. */
  readonly scalable?: boolean;
  /**
   * Whether an update starts the new version before the old one ends, if the target supports it: both run for
   * a moment.
   * @default "start-first" if scalable, else "stop-first"
   */
  readonly updateOrder?: UpdateOrder;
  /** Its access to the container runtime. */
  readonly host?: readonly HostAccess[];
  /** Pods that it starts by itself in a cluster; unused on other targets. */
  readonly spawns?: Readonly<Record<string, Spawn<N, O>>>;
  /** External ports that it connects to; network rules deny all other external connections. */
  readonly reaches?: (ctx: PartContext<N, O>) => readonly { readonly port: number }[];
  /** Maximum time to stop. @default "10s" */
  readonly stopGrace?: string;
  /** Runs inside this part before a planned stop: no new work is accepted, and running work may end. */
  readonly drain?: Drain;
  /** How its data is saved and restored. A provider of buckets needs none: backups read its objects. */
  readonly dump?: Dump;
  /** Command-line tools that the CLI runs inside this part, by capability (such as `lake`). */
  readonly tools?: Readonly<Record<string, Tool>>;
}

export interface Scrape<O = unknown> {
  readonly endpoint: string;
  /** Whether it exists with these options. @default always */
  readonly enabled?: (options: O, circumstances: Circumstances) => boolean;
  /** @default "/metrics" */
  readonly path?: string;
  /** @default "15s" */
  readonly every?: string;
  /** Secret need with a login that opens it by HTTP Basic. */
  readonly login?: string;
  /** Secret need that opens it as a bearer token. */
  readonly bearer?: string;
}

export interface Tool {
  readonly command: readonly string[];
  /** Bucket need of the service whose access the CLI shares when it uploads for this tool. */
  readonly bucket?: string;
}

export interface Endpoint<O = unknown> {
  /** Whether it exists with these options. @default always */
  readonly enabled?: (options: O, circumstances: Circumstances) => boolean;
  /** Differences in a cluster. */
  readonly inCluster?: Partial<Omit<Endpoint, "enabled" | "inCluster" | "port">>;
  readonly port: number;
  readonly protocol: "http" | "tcp";
  /** Short description for people. */
  readonly summary: string;
  /** Well-known port on 127.0.0.1, before portOffset; absent: not published. */
  readonly published?: number;
  /** People open it in a browser. @default false */
  readonly browser?: boolean;
  /** Name of the secret need that opens it. */
  readonly login?: string;
  /**
   * Who asks for a login if it is published: the gateway, which then fills in `login` upstream, or the
   * service itself.
   * @default "gateway" for http, "own" for tcp
   */
  readonly auth?: "gateway" | "own";
  /** Path prefixes that are reachable only inside the network: the gateway returns 404. */
  readonly internal?: readonly string[];
  /**
   * Paths that the gateway leaves open, because the service itself refuses unauthenticated requests in a way
   * that a proxy can't see.
   */
  readonly selfGuarded?: readonly string[];
  /**
   * Names of cookies that its pages use, for the time before the service has set them through this gateway;
   * one that ends with `*` stands for all that begin with it. Others reach the service when it has set them.
   */
  readonly cookies?: readonly string[];
  /** Fields that the gateway replaces in the JSON response of a path, such as the login settings of a UI. */
  readonly answers?: Readonly<Record<string, Readonly<Record<string, string | boolean | null>>>>;
  /** Scheme of its URL. @default the protocol */
  readonly scheme?: string;
  /** Path of the page, or the check. @default "/" */
  readonly path?: string;
}

export interface Probe {
  readonly command: readonly string[];
  /**
   * A probe only sets the container's status; the core's checks show whether a service works. @default "30s"
   */
  readonly every?: string;
  /** Time for a start before failed probes count. */
  readonly within: string;
}

export interface Volume<O = unknown> {
  readonly path: string;
  /** Declared size, such as "10Gi": a quota if the target supports quotas, otherwise a budget. */
  readonly size: string;
  /** Whether it exists with these options. @default always */
  readonly enabled?: (options: O, circumstances: Circumstances) => boolean;
}

export interface CheckContext {
  /** The check's own needs: grants with every reference resolved. */
  readonly needs: Readonly<Record<string, ResolvedGrant>>;
  readonly secrets: Readonly<Record<string, string>>;
  /** URL inside the network by `<part>.<endpoint>`. */
  readonly endpoints: Readonly<Record<string, string>>;
  readonly stack: string;
  /** Aborts when the check's timeout is reached. */
  readonly signal: AbortSignal;
}

export interface ResolvedGrant {
  readonly url: string;
  readonly host: string;
  readonly port: string;
  readonly name: string;
  readonly user: string;
  readonly password: string;
  readonly tls?: boolean;
  readonly region: string;
  readonly accessKey: string;
  readonly secretKey: string;
  readonly names: readonly string[];
  readonly prefix?: string;
}

export interface CheckDefinition {
  /** What it proves, in a few words. */
  readonly summary: string;
  /** Whether it exists with these options. @default always */
  readonly enabled?: (options: never, circumstances: Circumstances) => boolean;
  /** @default "30s" */
  readonly every?: string;
  /** @default "10s" */
  readonly timeout?: string;
  /** Needs of the check itself, granted to the core on its behalf. */
  readonly needs?: Readonly<Record<string, Need>>;
  /** The service's secret needs that the check may read. */
  readonly secrets?: readonly string[];
  /**
   * Exactly one of these defines the check. `run` resolves on success, with an optional message; otherwise it
   * throws.
   */
  readonly http?: {
    readonly part: string;
    readonly endpoint: string;
    readonly path: string;
    readonly status?: number;
  };
  readonly tcp?: { readonly part: string; readonly endpoint: string };
  readonly run?: (ctx: CheckContext) => Promise<string | undefined>;
}

export interface CollectorDefinition {
  /** Whether it has anything to measure. @default always */
  readonly enabled?: (circumstances: Circumstances) => boolean;
  /** What it measures, in a few words. */
  readonly summary: string;
  /** @default "30s" */
  readonly every?: string;
  /** @default "10s" */
  readonly timeout?: string;
  readonly needs?: Readonly<Record<string, Need>>;
  readonly secrets?: readonly string[];
  readonly run: (ctx: CheckContext) => Promise<readonly Sample[]>;
}

/** One value of a gauge. */
export interface Sample {
  readonly name: string;
  readonly help: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Declares a service; the types of `needs` and `options` reach every function in it. */
export function defineService<const N extends Needs, O = Record<string, never>>(
  definition: ServiceDefinition<N, O>,
): ServiceDefinition {
  return definition as unknown as ServiceDefinition;
}
