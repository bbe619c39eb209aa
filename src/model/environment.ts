/** What the model is resolved from: the configuration of a stack as `src/config` reads and checks it. */
import type { AwsSettings } from "./aws.ts";
import type { Installation } from "./names.ts";
import type { PipelineModel } from "./platform.ts";
import type { ServiceDefinition } from "./service.ts";

/** A stack's configuration, complete and checked: what the model is resolved from. */
export interface Environment {
  readonly stack: string;
  readonly config: PlatformConfig;
  readonly services: readonly ServiceDefinition[];
  readonly pipelines: readonly PipelineModel[];
  /** Which installation of the stack it is; undefined: it has not been deployed yet. */
  readonly installation?: Installation | undefined;
  /** Names of the secrets that people have given, see `external` in the model. */
  readonly externalSecrets: readonly string[];
  /** `file:line:col` of a config path, or of its nearest ancestor. */
  locate(path: readonly (string | number)[]): string;
  /** `file:line:col` where a value, or the preset that sets it, is written; undefined for a default. */
  find(path: readonly (string | number)[]): string | undefined;
  /** The preset that sets a value; undefined: the file sets it, or it is a default. */
  presetOf(path: readonly (string | number)[]): string | undefined;
}

/** `datalab:platform` with its defaults. The schema in `src/config` has each field's words and rules. */
export interface PlatformConfig {
  readonly target: "docker" | "kubernetes" | "aws";
  /** What the stack starts from; `src/config` has made defaults of it. */
  readonly preset: string;
  readonly portOffset: number;
  readonly images: {
    readonly source: "build" | "registry";
    readonly registry?: string | undefined;
    readonly digests: Readonly<Record<string, string>>;
  };
  readonly data: { readonly policy: "retain" | "delete" };
  readonly budget: { readonly memory: string };
  readonly kubernetes: KubernetesConfig;
  readonly aws: AwsConfig;
  readonly external: {
    readonly database?: ExternalDatabaseConfig | undefined;
    readonly bucket?: ExternalBucketConfig | undefined;
  };
  /** By name; `ServiceConfig` each. */
  readonly services: Readonly<Record<string, unknown>>;
  readonly serviceFiles: readonly string[];
  readonly pipelines: {
    readonly only?: readonly string[] | undefined;
    /** By name; `src/config` merges each into its pipeline. */
    readonly overrides: Readonly<Record<string, unknown>>;
  };
  readonly secrets: { readonly versions: Readonly<Record<string, number>> };
  readonly backup: {
    readonly to?: string | undefined;
    readonly keep: number;
    /** What one user's home may take. */
    readonly homes: { readonly size: string; readonly time: string };
  };
  readonly promotion: readonly string[];
  readonly protect?: boolean | undefined;
  readonly promoted?: PromotedConfig | undefined;
}

export interface KubernetesConfig {
  readonly context?: string | undefined;
  readonly kubeconfig?: string | undefined;
  readonly namespace?: string | undefined;
  readonly storageClass?: string | undefined;
  readonly ingress: {
    readonly host?: string | undefined;
    readonly class: string;
    readonly port: number;
    readonly address?: string | undefined;
    readonly tlsSecret?: string | undefined;
    readonly namespace: string;
  };
  readonly cpuOvercommit: number;
  readonly pullSecrets: readonly string[];
  readonly apiServer: readonly string[];
}

export interface AwsConfig extends AwsSettings {
  readonly accountId?: string | undefined;
  readonly region?: string | undefined;
  /** Letters of the region's zones. */
  readonly zones: readonly string[];
  readonly certificateArn?: string | undefined;
  readonly budget: { readonly monthlyUsd?: number | undefined; readonly emails: readonly string[] };
}

export interface ExternalDatabaseConfig {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  readonly prefix: string;
  readonly admin?: { readonly user: string; readonly secret: string } | undefined;
}

export interface ExternalBucketConfig {
  readonly url: string;
  readonly region: string;
  readonly prefix: string;
  readonly credentials?: ExternalKeyConfig | undefined;
  readonly keys: Readonly<Record<string, ExternalKeyConfig>>;
}

export interface ExternalKeyConfig {
  readonly accessKey: string;
  readonly secret: string;
}

export interface PromotedConfig {
  readonly from: string;
  readonly release: string;
  readonly commit: string;
  readonly pipelines: Readonly<Record<string, string>>;
}

/** How many of a part there are: a fixed count, or bounds that the target moves between. */
export type Scale =
  | { readonly replicas: number }
  | { readonly min: number; readonly max: number; readonly cpuPercent: number };

/** Configuration of one service after defaults. */
export interface ServiceConfig {
  readonly enabled: boolean;
  readonly resources: Readonly<Record<string, { cpu: string | number; memory: string }>>;
  readonly ports?: Readonly<Record<string, number | false>>;
  readonly storage?: Readonly<Record<string, string>>;
  readonly data?: "retain" | "delete" | undefined;
  readonly scale?: Readonly<Record<string, Scale | undefined>>;
  readonly options: unknown;
}
