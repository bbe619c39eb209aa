import type { AwsModel } from "./aws.ts";
import type { Capability } from "./capability.ts";
import type { ExternalModel } from "./external.ts";
import type { Dump, HostAccess, UpdateOrder } from "./lifecycle.ts";
import type { BucketGrant } from "./needs.ts";
import type { Template } from "./refs.ts";

/** The whole platform of one stack: frozen plain data, with references where a value exists only at deploy time. */
export interface PlatformModel {
  readonly stack: string;
  readonly target: "docker" | "kubernetes" | "aws";
  readonly images: ImagesModel;
  /** In the order they can be started: what is needed comes first. */
  readonly services: readonly ServiceModel[];
  /** The secret that opens published APIs as a bearer token; null without a gateway. */
  readonly token: string | null;
  /** Which endpoint answers for the health of the platform. */
  readonly health: { readonly workload: string; readonly endpoint: string } | null;
  /** Which service provides each capability that a service of this version can provide. */
  readonly providers: Readonly<Partial<Record<Capability, ProviderModel>>>;
  readonly secrets: readonly SecretModel[];
  readonly pipelines: readonly PipelineModel[];
  /** The cluster that runs it; null on one host. */
  readonly cluster: ClusterModel | null;
  /** The account that the target makes things in; null elsewhere. */
  readonly aws: AwsModel | null;
  /** What answers databases and buckets, where nothing of the stack does. */
  readonly external: ExternalModel;
}

/** The service that provides a capability, and the endpoint that it does so at; null: the service is disabled. */
export interface ProviderModel {
  readonly service: string;
  readonly workload: string | null;
  readonly endpoint: string | null;
}

/** Where in which cluster a stack runs, and how people get in. */
export interface ClusterModel {
  /** Context of the kubeconfig, never guessed: the wrong cluster is the worst mistake there is. null: the target makes it. */
  readonly context: string | null;
  /** Path of the kubeconfig; null: $KUBECONFIG, else the user's own. */
  readonly kubeconfig: string | null;
  readonly namespace: string;
  /** null: the cluster's default. */
  readonly storageClass: string | null;
  /** Of the volumes of people, which follow them from node to node; absent: as the others. */
  readonly homeStorageClass?: string;
  readonly ingress: {
    /** Pages are at https://<workload>.<host>. */
    readonly host: string;
    readonly className: string;
    /** Port that people reach the controller at. */
    readonly port: number;
    /** `host:port` where the controller answers while the names are in no DNS; null: they are. */
    readonly address: string | null;
    /** Secret of the namespace with a certificate; null: one that the stack makes and signs itself. */
    readonly tlsSecret: string | null;
    /** Namespace of the controller's pods, which alone may reach the gateway from outside. */
    readonly namespace: string;
    /** Address ranges that may as well: of load balancers, which are no pods. */
    readonly cidrs?: readonly string[];
  };
  /** How often a core is promised: pods ask for their share divided by it. */
  readonly cpuOvercommit: number;
  /** Secrets of the namespace that open the registry. */
  readonly pullSecrets: readonly string[];
  /** Address ranges of the API server, for what may talk to it. */
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
  /** How many run behind the one name; the second is `<name>-2`. */
  readonly replicas: number;
  /** Between which counts the target may move `replicas`; null: it stays. */
  readonly scale: { readonly min: number; readonly max: number; readonly cpuPercent: number } | null;
  readonly scalable: boolean;
  readonly updateOrder: UpdateOrder;
  readonly host: readonly HostAccess[];
  readonly spawns: readonly SpawnModel[];
  /** Folders of people that what it starts works in, on every target. */
  readonly homes: readonly HomesModel[];
  /** Ports of addresses outside the stack that it connects to, each once. */
  readonly reaches: readonly { readonly port: number }[];
  /** Ports on 127.0.0.1 that its container publishes. A gateway's are those of all. */
  readonly ports: readonly { readonly internal: number; readonly external: number }[];
  readonly stopGraceSeconds: number;
  /** Run inside before a planned stop. */
  readonly drain: { readonly command: readonly string[]; readonly withinSeconds: number } | null;
  readonly dump: Dump | null;
  readonly tools: Readonly<Record<string, ToolModel>>;
  /** Endpoints of other workloads that must accept connections before it starts. */
  readonly waitFor: readonly { readonly workload: string; readonly port: number }[];
  /** One-shots that must have ended well before it starts. */
  readonly afterOneShots: readonly string[];
  /** What the object store calls the buckets that it, and what it spawns, is granted. */
  readonly buckets: readonly string[];
}

/** Where people's own files are: a volume for each of them, made when what works in it is started for the first time. */
export interface HomesModel {
  /** What the part calls those who work in them. */
  readonly key: string;
  readonly path: string;
  readonly sizeBytes: number;
}

/** Pods that a workload starts by itself; see Spawn. */
export interface SpawnModel {
  /** Unique in the stack: `<workload>-<spawn>`. */
  readonly name: string;
  /** What the part calls it. */
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
  /** Bumped to rotate it. */
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
    | { readonly cron: string; readonly timezone: string }
    | { readonly intervalSeconds: number }
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
  /** Seconds that may pass between two versions, per table that it writes (`silver.flights`). */
  readonly freshness: Readonly<Record<string, number>>;
  readonly paused: boolean;
  /** Its runs write a report to `artifacts/reports/<name>/`; absent: they write none. */
  readonly report?: true;
  /** Size of its runs where each is a pod; absent: the same as all others. */
  readonly resources?: { readonly memoryBytes?: number; readonly milliCpu?: number };
}

/** What others may know of a service before it is deployed. */
export interface ServiceSummary {
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
    readonly url: Template;
    readonly internalUrl: Template;
  }[];
  readonly checks: readonly { readonly name: string; readonly summary: string }[];
}

/** Where a stack runs. */
export type DeploymentTarget = Pick<PlatformModel, "stack" | "target" | "cluster">;
