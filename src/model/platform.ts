import type { AwsModel } from "./aws.ts";
import type { Capability } from "./capability.ts";
import type { ExternalModel } from "./external.ts";
import type { Dump, HostAccess, UpdateOrder } from "./lifecycle.ts";
import type { Installation } from "./names.ts";
import type { BucketGrant } from "./needs.ts";
import type { Template } from "./refs.ts";

/**
 * The whole platform of one stack: frozen plain data, with references where a value exists only at deploy
 * time.
 */
export interface PlatformModel {
  readonly stack: string;
  /** absent: the stack has not been deployed yet. */
  readonly installation?: Installation;
  readonly target: "docker" | "kubernetes" | "aws";
  readonly images: ImagesModel;
  /** In the order they can be started: what is needed comes first. */
  readonly services: readonly ServiceModel[];
  /** The secret that opens published APIs as a bearer token; null without a gateway. */
  readonly token: string | null;
  /** The endpoint that reports the health of the platform. */
  readonly health: { readonly workload: string; readonly endpoint: string } | null;
  /** Which service provides each capability that a service of this version can provide. */
  readonly providers: Readonly<Partial<Record<Capability, ProviderModel>>>;
  readonly secrets: readonly SecretModel[];
  readonly pipelines: readonly PipelineModel[];
  /** The cluster that runs it; null on one host. */
  readonly cluster: ClusterModel | null;
  /** The account that the target deploys to; null on other targets. */
  readonly aws: AwsModel | null;
  /** External providers of databases and buckets. */
  readonly external: ExternalModel;
}

/**
 * The service that provides a capability, and the endpoint that it does so at; null: the service is disabled.
 */
export interface ProviderModel {
  readonly service: string;
  readonly workload: string | null;
  readonly endpoint: string | null;
}

/** The cluster and namespace of a stack, and its ingress. */
export interface ClusterModel {
  /**
   * Context of the kubeconfig; never the current one, because a wrong cluster is the worst mistake. null: the
   * target creates the cluster.
   */
  readonly context: string | null;
  /** Path of the kubeconfig; null: $KUBECONFIG, else the user's own. */
  readonly kubeconfig: string | null;
  readonly namespace: string;
  /** null: the cluster's default. */
  readonly storageClass: string | null;
  /** Storage class of home volumes, which must be usable on every node; absent: as for other volumes. */
  readonly homeStorageClass?: string;
  readonly ingress: {
    /** Pages are at https://<workload>.<host>. */
    readonly host: string;
    readonly className: string;
    /** Public port of the controller. */
    readonly port: number;
    /** `host:port` of the controller as long as the DNS does not have the names; null: it has them. */
    readonly address: string | null;
    /** Secret of the namespace with a certificate; null: the stack creates a self-signed one. */
    readonly tlsSecret: string | null;
    /** Namespace of the controller's pods; only they may reach the gateway from outside. */
    readonly namespace: string;
    /** Address ranges that may reach it too, of load balancers, which are not pods. */
    readonly cidrs?: readonly string[];
  };
  /** CPU overcommit: pods request their CPU share divided by this. */
  readonly cpuOvercommit: number;
  /** Secrets of the namespace that open the registry. */
  readonly pullSecrets: readonly string[];
  /** Address ranges of the API server, for workloads that may connect to it. */
  readonly apiServer: readonly string[];
}

export interface ImagesModel {
  readonly source: "build" | "registry";
  readonly registry?: string;
  readonly digests: Readonly<Record<string, string>>;
}

export interface ServiceModel {
  readonly name: string;
  readonly summary: string;
  readonly version: string;
  readonly owner: string;
  readonly backup: string;
  readonly workloads: readonly WorkloadModel[];
  readonly checks: readonly { readonly name: string; readonly summary: string }[];
  /** Services it needs, by name. */
  readonly dependsOn: readonly string[];
}

export interface WorkloadModel {
  /** Unique in the stack; also its host name in the network. */
  readonly name: string;
  readonly service: string;
  readonly part: string;
  readonly image: string;
  readonly command: readonly Template[];
  readonly env: Readonly<Record<string, Template>>;
  /** Path under /run/datalab -> content. */
  readonly files: Readonly<Record<string, Template>>;
  readonly endpoints: readonly EndpointModel[];
  readonly probe: ProbeModel | null;
  readonly volumes: readonly VolumeModel[];
  readonly milliCpu: number;
  readonly memoryBytes: number;
  readonly tmpBytes: number;
  readonly oneShot: boolean;
  /** Number of replicas behind the one name; the second is `<name>-2`. */
  readonly replicas: number;
  /** Range in which the target may scale `replicas`; null: fixed. */
  readonly scale: { readonly min: number; readonly max: number; readonly cpuPercent: number } | null;
  readonly scalable: boolean;
  readonly updateOrder: UpdateOrder;
  readonly host: readonly HostAccess[];
  readonly spawns: readonly SpawnModel[];
  /** Home folders that spawned containers use, on every target. */
  readonly homes: readonly HomesModel[];
  /** Ports of addresses outside the stack that it connects to, each once. */
  readonly reaches: readonly { readonly port: number }[];
  /** Ports on 127.0.0.1 that its container publishes. A gateway publishes those of all services. */
  readonly ports: readonly { readonly internal: number; readonly external: number }[];
  readonly stopGraceSeconds: number;
  /** Run inside before a planned stop. */
  readonly drain: { readonly command: readonly string[]; readonly withinSeconds: number } | null;
  readonly dump: Dump | null;
  readonly tools: Readonly<Record<string, ToolModel>>;
  /** Endpoints of other workloads that must accept connections before it starts. */
  readonly waitFor: readonly { readonly workload: string; readonly port: number }[];
  /** One-shots that must have succeeded before it starts. */
  readonly afterOneShots: readonly string[];
  /** Names in the object store of the buckets that it, and what it spawns, may use. */
  readonly buckets: readonly string[];
}

/** Home folders: one volume per user, created when the user's first container starts. */
export interface HomesModel {
  /** The part's word for their users. */
  readonly key: string;
  readonly path: string;
  readonly sizeBytes: number;
}

/** Pods that a workload starts by itself; see Spawn. */
export interface SpawnModel {
  /** Unique in the stack: `<workload>-<spawn>`. */
  readonly name: string;
  /** Its name in the part. */
  readonly key: string;
  readonly summary: string;
  readonly image: string;
  readonly env: Readonly<Record<string, Template>>;
  readonly files: Readonly<Record<string, Template>>;
  readonly milliCpu: number;
  readonly memoryBytes: number;
  readonly tmpBytes: number;
  readonly kind: "Job" | "Pod";
  readonly home: { readonly path: string; readonly sizeBytes: number } | null;
  readonly diskBytes: number;
  readonly ownSecrets: boolean;
  readonly ports: readonly { readonly port: number; readonly from: readonly string[] }[];
  readonly atMost: number;
}

export interface ToolModel {
  readonly command: readonly string[];
  readonly bucket: BucketGrant | null;
}

export interface EndpointModel {
  readonly name: string;
  readonly summary: string;
  readonly port: number;
  readonly protocol: "http" | "tcp";
  readonly scheme: string;
  /** Port on 127.0.0.1, offset included; null: not published. */
  readonly published: number | null;
  readonly browser: boolean;
  readonly path: string;
  readonly auth: "gateway" | "own";
  /** Secret id and user name that open it. */
  readonly login: { readonly secret: string; readonly user: string } | null;
}

export interface ProbeModel {
  readonly command: readonly string[];
  readonly everySeconds: number;
  readonly withinSeconds: number;
}

export interface VolumeModel {
  readonly name: string;
  readonly path: string;
  readonly sizeBytes: number;
  readonly policy: "retain" | "delete";
}

export interface SecretModel {
  /** `<service>/<name>`. */
  readonly id: string;
  /** Raised to rotate it. */
  readonly version: number;
  readonly login: { readonly user: string; readonly opens: string } | null;
}

export interface PipelineModel {
  readonly name: string;
  readonly summary: string;
  /** Content hash of the folder and the normalised definition: 16 hex digits. */
  readonly version: string;
  readonly entrypoint: string;
  readonly schedule:
    | (({ readonly cron: string; readonly timezone: string } | { readonly intervalSeconds: number }) & {
        /** What makes up for runs that a stop has made late; absent: the last one. */
        readonly catchUp?: "none" | "all";
      })
    | null;
  readonly retries: {
    readonly count: number;
    readonly delaySeconds: number;
    readonly backoff: "fixed" | "exponential";
    readonly maxDelaySeconds: number;
  };
  readonly timeoutSeconds: number | null;
  readonly priority: "critical" | "high" | "normal" | "low";
  readonly concurrency: number | null;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly tags: readonly string[];
  /** Maximum seconds between two versions, per table that it writes (`silver.flights`). */
  readonly freshness: Readonly<Record<string, number>>;
  readonly paused: boolean;
  /** Its runs write a report to `artifacts/reports/<name>/`; absent: they write none. */
  readonly report?: true;
  /** Size of its runs if each is a pod; absent: the default size. */
  readonly resources?: { readonly memoryBytes?: number; readonly milliCpu?: number };
}

/** The public data of a service before it is deployed. */
export type ServiceSummary = ServiceSummaryOf<Template>;

/** A summary whose addresses are templates, or the texts that a target makes of them. */
export interface ServiceSummaryOf<Address> {
  readonly name: string;
  readonly summary: string;
  readonly version: string;
  readonly owner: string;
  readonly endpoints: readonly {
    readonly name: string;
    readonly workload: string;
    readonly summary: string;
    readonly protocol: "http" | "tcp";
    readonly browser: boolean;
    /** Who asks for a login there. */
    readonly auth: "gateway" | "own";
    /** The service's own login: the user, and the id of the secret. */
    readonly login: { readonly user: string; readonly secret: string } | null;
    readonly url: Address;
    readonly internalUrl: Address;
  }[];
  readonly checks: readonly { readonly name: string; readonly summary: string }[];
}

/** Where a stack runs. */
export type DeploymentTarget = Pick<PlatformModel, "stack" | "target" | "cluster">;
