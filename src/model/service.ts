import type { z } from "zod";
import type { BucketGrant, DatabaseGrant, Grants, Need, Needs } from "./needs.ts";
import type { PipelineModel, PlatformModel, ServiceSummary } from "./platform.ts";
import type { Ref, Text } from "./refs.ts";

/** One part of the platform. Everything specific to a product stands in the one file that defines it. */
export interface ServiceDefinition<N extends Needs = Needs, O = unknown> {
  /** DNS-safe, unique. */
  readonly name: string;
  /** One sentence that says what it is for. */
  readonly summary: string;
  /** The product's version, shown in the registry. */
  readonly version: string;
  /** Who answers for it. @default "platform" */
  readonly owner?: string;
  readonly needs: N;
  /** What it answers for others: at most one enabled service per capability. */
  readonly provides?: Readonly<Partial<Record<Capability, Provider>>>;
  /** zod schema of `services.<name>.options`; an empty object must be valid. */
  readonly options?: z.ZodType<O>;
  /** The containers it is made of. The part `main` carries the service's name, another is `<service>-<part>`. */
  readonly parts: Readonly<Record<string, Part<N, O>>>;
  /** Functional checks, run by the core. */
  readonly checks: Readonly<Record<string, CheckDefinition>>;
  /** What saves its state, in a sentence. */
  readonly backup: string;
}

/** What a service can answer: databases, buckets, or the health of the whole platform. */
export type Capability = "database" | "bucket" | "health";

/** Where a capability is answered. */
export interface Provider {
  readonly part: string;
  readonly endpoint: string;
}

export interface PartContext<N extends Needs = Needs, O = unknown> {
  readonly stack: string;
  readonly target: PlatformModel["target"];
  readonly needs: Grants<N>;
  readonly options: O;
  /** What this service was asked for as a provider. */
  readonly grants: { readonly database: readonly DatabaseGrant[]; readonly bucket: readonly BucketGrant[] };
  /** The platform as it is declared: what registries, dashboards and scrape configs are derived from. */
  readonly platform: PlatformView;
  readonly pipelines: readonly PipelineModel[];
  /** The address inside the network of one of this service's own endpoints. */
  address(part: string, endpoint: string, what: "host" | "port" | "url"): Ref;
  publicUrl(part: string, endpoint: string): Ref;
}

export interface PlatformView {
  readonly services: readonly ServiceSummary[];
  /** Every functional check with the values it needs. */
  readonly checks: readonly CheckView[];
}

export interface CheckView {
  readonly service: string;
  readonly name: string;
  readonly everySeconds: number;
  readonly timeoutSeconds: number;
  readonly http?: { readonly url: Text; readonly status: number };
  readonly tcp?: { readonly host: Text; readonly port: Text };
  readonly needs: Readonly<Record<string, unknown>>;
  readonly secrets: Readonly<Record<string, Ref>>;
  /** URL inside the network of every endpoint of the service, by `<part>.<endpoint>`. */
  readonly endpoints: Readonly<Record<string, Text>>;
}

export interface Part<N extends Needs = Needs, O = unknown> {
  /** Logical image name, see src/images. */
  readonly image: string;
  readonly command: (ctx: PartContext<N, O>) => readonly Text[];
  readonly env?: (ctx: PartContext<N, O>) => Readonly<Record<string, Text>>;
  /** Files under /run/datalab, readable by this workload only. */
  readonly files?: (ctx: PartContext<N, O>) => Readonly<Record<string, Text>>;
  readonly endpoints?: Readonly<Record<string, Endpoint>>;
  /** Which of the service's needs this part uses. @default all */
  readonly uses?: readonly (keyof N & string)[];
  /** Endpoints of the same service's other parts that must accept connections before this one starts. */
  readonly after?: readonly Provider[];
  readonly probe?: Probe;
  readonly volumes?: Readonly<Record<string, Volume>>;
  /** Requests and limits: cpu such as "250m" (share), memory such as "512Mi" (limit). */
  readonly resources: { readonly cpu: string; readonly memory: string };
  /** Size of /tmp, a memory file system. @default "64Mi" */
  readonly tmp?: string;
  /** Runs to its end once per change of its content, instead of for ever. */
  readonly oneShot?: boolean;
  /** How long it may take to stop. @default "10s" */
  readonly stopGrace?: string;
  /** Command-line tools that the CLI runs inside this part, by capability (such as `lake`). */
  readonly tools?: Readonly<Record<string, Tool>>;
}

export interface Tool {
  readonly command: readonly string[];
  /** Bucket need of the service whose access the CLI shares when it uploads for this tool. */
  readonly bucket?: string;
}

export interface Endpoint {
  readonly port: number;
  readonly protocol: "http" | "tcp";
  /** What people are told it is. */
  readonly summary: string;
  /** Well-known port on 127.0.0.1, before portOffset; absent: not published. */
  readonly published?: number;
  /** People open it in a browser. @default false */
  readonly browser?: boolean;
  /** Name of the secret need that opens it. */
  readonly login?: string;
  /** Scheme of its URL. @default the protocol */
  readonly scheme?: string;
  /** Path of the page, or the check. @default "/" */
  readonly path?: string;
}

export interface Probe {
  readonly command: readonly string[];
  /** @default "10s" */
  readonly every?: string;
  /** How long a start may take before failed probes count. */
  readonly within: string;
}

export interface Volume {
  readonly path: string;
  /** Declared size, such as "10Gi": a quota where the target has one, a budget elsewhere. */
  readonly size: string;
}

export interface CheckContext {
  /** The check's own needs: grants with every reference answered. */
  readonly needs: Readonly<Record<string, ResolvedGrant>>;
  readonly secrets: Readonly<Record<string, string>>;
  /** URL inside the network by `<part>.<endpoint>`. */
  readonly endpoints: Readonly<Record<string, string>>;
  readonly stack: string;
  /** Aborts when the check's time is over. */
  readonly signal: AbortSignal;
}

export interface ResolvedGrant {
  readonly url: string;
  readonly host: string;
  readonly port: string;
  readonly name: string;
  readonly user: string;
  readonly password: string;
  readonly region: string;
  readonly accessKey: string;
  readonly secretKey: string;
  readonly names: readonly string[];
}

export interface CheckDefinition {
  /** What it proves, in a few words. */
  readonly summary: string;
  /** @default "30s" */
  readonly every?: string;
  /** @default "10s" */
  readonly timeout?: string;
  /** Needs of the check itself, granted to the core on its behalf. */
  readonly needs?: Readonly<Record<string, Need>>;
  /** The service's secret needs that the check may read. */
  readonly secrets?: readonly string[];
  /** Exactly one of these says how. `run` resolves when all is well, with an optional message; it throws otherwise. */
  readonly http?: {
    readonly part: string;
    readonly endpoint: string;
    readonly path: string;
    readonly status?: number;
  };
  readonly tcp?: { readonly part: string; readonly endpoint: string };
  readonly run?: (ctx: CheckContext) => Promise<string | undefined>;
}

/** Declares a service; the types of `needs` and `options` reach every function in it. */
export function defineService<const N extends Needs, O = Record<string, never>>(
  definition: ServiceDefinition<N, O>,
): ServiceDefinition {
  return definition as unknown as ServiceDefinition;
}
