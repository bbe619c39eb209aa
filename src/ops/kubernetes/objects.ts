import { labelNames } from "../../model/names.ts";

/** The parts of Kubernetes objects that matter here, as the API writes them. */

export interface Meta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  /** Who must take their entry away before the object goes. */
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly {
    readonly kind: string;
    readonly name: string;
    readonly controller?: boolean;
  }[];
  readonly managedFields?: readonly { readonly manager?: string }[];
}

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
  readonly lastTransitionTime?: string;
}

interface Waiting {
  readonly reason?: string;
  readonly message?: string;
}
interface Terminated {
  readonly exitCode: number;
  readonly reason?: string;
  readonly finishedAt?: string;
}

export interface ContainerStatus {
  readonly name: string;
  readonly ready?: boolean;
  readonly restartCount: number;
  readonly state?: {
    readonly waiting?: Waiting;
    readonly running?: object;
    readonly terminated?: Terminated;
  };
  readonly lastState?: { readonly terminated?: Terminated };
}

export interface Container {
  readonly name: string;
  readonly image?: string;
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
}

export interface Pod {
  readonly metadata: Meta;
  readonly spec?: {
    readonly containers: readonly Container[];
    readonly volumes?: readonly { readonly persistentVolumeClaim?: { readonly claimName: string } }[];
    readonly terminationGracePeriodSeconds?: number;
  };
  readonly status?: {
    readonly phase?: string;
    readonly reason?: string;
    readonly message?: string;
    readonly conditions?: readonly Condition[];
    readonly containerStatuses?: readonly ContainerStatus[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
  };
}

/** A Deployment or a StatefulSet. */
export interface Scaled {
  readonly metadata: Meta;
  readonly spec: {
    readonly replicas?: number;
    readonly template?: { readonly spec?: { readonly containers: readonly Container[] } };
  };
  readonly status?: { readonly conditions?: readonly Condition[] };
}

export interface Job {
  readonly metadata: Meta;
  readonly status?: {
    readonly active?: number;
    readonly succeeded?: number;
    readonly failed?: number;
    readonly conditions?: readonly Condition[];
  };
}

export interface Claim {
  readonly metadata: Meta;
  readonly spec: { readonly volumeName?: string };
  readonly status?: { readonly capacity?: { readonly storage?: string } };
}

/** What a cluster says has happened to something. */
export interface ClusterEvent {
  readonly type?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly count?: number;
  readonly involvedObject: { readonly kind?: string; readonly name?: string };
  readonly lastTimestamp?: string | null;
  readonly eventTime?: string | null;
  readonly series?: { readonly lastObservedTime?: string };
}

/** Kinds that scale to zero and back, with their path below the namespace. */
export const scaledKinds = {
  Deployment: { api: "/apis/apps/v1", plural: "deployments" },
  StatefulSet: { api: "/apis/apps/v1", plural: "statefulsets" },
} as const;
export type ScaledKind = keyof typeof scaledKinds;

export const paths = {
  pods: (namespace: string) => `/api/v1/namespaces/${namespace}/pods`,
  events: (namespace: string) => `/api/v1/namespaces/${namespace}/events`,
  claims: (namespace: string) => `/api/v1/namespaces/${namespace}/persistentvolumeclaims`,
  jobs: (namespace: string) => `/apis/batch/v1/namespaces/${namespace}/jobs`,
  scaled: (kind: ScaledKind, namespace: string) =>
    `${scaledKinds[kind].api}/namespaces/${namespace}/${scaledKinds[kind].plural}`,
} as const;

/** Selector of a stack's own workloads, or of one of them: not of what these have started. */
export const ownSelector = (stack: string, workload?: string): string =>
  [
    `${labelNames.stack}=${stack}`,
    `!${labelNames.role}`,
    ...(workload === undefined ? [] : [`${labelNames.workload}=${workload}`]),
  ].join(",");

export const workloadOf = ({ labels, name }: Meta): string => labels?.[labelNames.workload] ?? name;

/** The container that is the workload: what the cluster's own tools take, else `main`, else the first. */
export function mainContainer({ metadata, spec }: Pod): string | undefined {
  const names = spec?.containers.map(({ name }) => name) ?? [];
  const told = metadata.annotations?.["kubectl.kubernetes.io/default-container"];
  const wanted = [told, "main", workloadOf(metadata)].find(
    (name) => name !== undefined && names.includes(name),
  );
  return wanted ?? names[0];
}

/** Annotation on what `services stop` has scaled to zero: how many there were. */
export const replicasNote = "datalab.replicas";
