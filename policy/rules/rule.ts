/** What the engine plans to make: a resource's inputs, without any engine around them. */
export interface Resource {
  /** `docker:index/container:Container`, `kubernetes:apps/v1:Deployment`, `aws:s3/bucket:Bucket`. */
  readonly type: string;
  readonly name: string;
  // biome-ignore lint/suspicious/noExplicitAny: resources of every provider
  readonly props: Readonly<Record<string, any>>;
}

/** A rule for each resource by itself. */
export interface ResourceRule {
  readonly name: string;
  readonly summary: string;
  /**
   * What is wrong with it: `expected ..., received ...`; nothing when it is as it should be, or of another
   * kind.
   */
  check(resource: Resource): readonly string[];
}

/** A rule that needs all resources of a stack. */
export interface StackRule {
  readonly name: string;
  readonly summary: string;
  checkAll(
    resources: readonly Resource[],
  ): readonly { readonly resource: string; readonly message: string }[];
}

export type Rule = ResourceRule | StackRule;

export const docker = {
  container: "docker:index/container:Container",
  volume: "docker:index/volume:Volume",
  network: "docker:index/network:Network",
} as const;

/** A label of a Docker resource, or of a Kubernetes object. */
export function labelOf({ type, props }: Resource, wanted: string): string | undefined {
  if (type.startsWith("kubernetes:")) return props.metadata?.labels?.[wanted];
  return (props.labels as { label: string; value: string }[] | undefined)?.find(
    ({ label }) => label === wanted,
  )?.value;
}

/**
 * Whether a Docker container ever runs: one that only holds a volume for copying files into it never does.
 */
export const isStarted = ({ props }: Resource): boolean => props.start !== false;

export const show = (value: unknown): string =>
  value === undefined || value === null ? "none" : JSON.stringify(value);

const workloads =
  /^kubernetes:(?:apps\/v1:(?:Deployment|StatefulSet|DaemonSet|ReplicaSet)|batch\/v1:(?:Job|CronJob)|core\/v1:Pod)$/;

/** The pod that a Kubernetes object makes; undefined for one that makes none. */
// biome-ignore lint/suspicious/noExplicitAny: a pod's specification
export function podOf({ type, props }: Resource): Record<string, any> | undefined {
  if (!workloads.test(type)) return undefined;
  if (type.endsWith(":Pod")) return props.spec ?? {};
  if (type.endsWith(":CronJob")) return props.spec?.jobTemplate?.spec?.template?.spec ?? {};
  return props.spec?.template?.spec ?? {};
}

// biome-ignore lint/suspicious/noExplicitAny: a container's specification
export const containersOf = (pod: Record<string, any>): readonly Record<string, any>[] => [
  ...(pod.initContainers ?? []),
  ...(pod.containers ?? []),
];
