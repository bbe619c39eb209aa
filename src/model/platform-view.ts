import type { AlertRule } from "./alert.ts";
import type { ServiceSummary } from "./platform.ts";
import type { Ref, Text } from "./refs.ts";

/**
 * The platform as seen by services that are derived from the others: registries, scrape configs, rules,
 * gateways.
 */
export interface PlatformView {
  readonly services: readonly ServiceSummary[];
  /** Every functional check with the values it needs. */
  readonly checks: readonly CheckView[];
  readonly collectors: readonly CollectorView[];
  readonly workloads: readonly WorkloadView[];
  readonly endpoints: readonly EndpointView[];
  readonly scrapes: readonly ScrapeView[];
  readonly alerts: readonly AlertView[];
}

/** What the core needs to run a check or collector of a service. */
export interface CollectorView {
  readonly service: string;
  readonly name: string;
  readonly everySeconds: number;
  readonly timeoutSeconds: number;
  readonly needs: Readonly<Record<string, unknown>>;
  readonly secrets: Readonly<Record<string, Ref>>;
  /** URL inside the network of every endpoint of the service, by `<part>.<endpoint>`. */
  readonly endpoints: Readonly<Record<string, Text>>;
}

export interface CheckView extends CollectorView {
  /** How long after the core's start a check that has not passed yet counts as starting. */
  readonly startSeconds: number;
  readonly http?: { readonly url: Text; readonly status: number };
  readonly tcp?: { readonly host: Text; readonly port: Text };
}

export interface WorkloadView {
  readonly service: string;
  readonly name: string;
  readonly part: string;
  readonly replicas: number;
  readonly oneShot: boolean;
  readonly memoryBytes: number;
  readonly milliCpu: number;
  readonly volumes: readonly { readonly name: string; readonly sizeBytes: number }[];
}

export interface EndpointView {
  readonly service: string;
  readonly workload: string;
  readonly name: string;
  readonly summary: string;
  readonly protocol: "http" | "tcp";
  readonly scheme: string;
  /** Inside the network. */
  readonly port: number;
  /** On 127.0.0.1, offset included; null: not published. */
  readonly published: number | null;
  readonly browser: boolean;
  readonly path: string;
  readonly auth: "gateway" | "own";
  readonly internal: readonly string[];
  readonly selfGuarded: readonly string[];
  readonly cookies: readonly string[];
  readonly answers: Readonly<Record<string, Readonly<Record<string, string | boolean | null>>>>;
  readonly login: { readonly user: string; readonly password: Ref } | null;
}

export interface ScrapeView {
  readonly service: string;
  /** Its host name in the network, which has an address per replica. */
  readonly workload: string;
  readonly job: string;
  /** The same as a reference; a workload that contains it connects to the endpoint. */
  readonly host: Ref;
  readonly port: number;
  readonly scheme: string;
  readonly path: string;
  readonly everySeconds: number;
  readonly replicas: number;
  /** Whether there are several behind the name, or may be. */
  readonly several: boolean;
  readonly basic: { readonly user: string; readonly password: Ref } | null;
  readonly bearer: Ref | null;
}

export interface AlertView extends AlertRule {
  readonly service: string;
}
