import { labelNames } from "../../model/names.ts";
import type { Container } from "../containers.ts";
import { quantity } from "./quantity.ts";

/** What the agent reads of a pod. */
export interface Pod {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly spec: {
    readonly containers: readonly ContainerSpec[];
    readonly initContainers?: readonly ContainerSpec[];
    readonly ephemeralContainers?: readonly ContainerSpec[];
  };
  readonly status?: {
    readonly phase?: string;
    readonly containerStatuses?: readonly ContainerStatus[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
    readonly ephemeralContainerStatuses?: readonly ContainerStatus[];
  };
}

interface ContainerSpec {
  readonly name: string;
  readonly readinessProbe?: unknown;
  readonly resources?: { readonly limits?: Readonly<Record<string, string>> };
}

interface ContainerStatus {
  readonly name: string;
  readonly ready: boolean;
  readonly restartCount: number;
  readonly containerID?: string;
  readonly state?: ContainerState;
  readonly lastState?: ContainerState;
}

interface ContainerState {
  readonly waiting?: { readonly reason?: string };
  readonly running?: { readonly startedAt: string };
  readonly terminated?: Terminated;
}

interface Terminated {
  readonly exitCode: number;
  readonly reason?: string;
  readonly startedAt?: string;
  readonly containerID?: string;
}

/** A container of a pod of the stack. */
export interface PodContainer extends Container {
  readonly pod: string;
  /** Its name within the pod. */
  readonly inner: string;
  /** Its instances that ended for want of memory, as far as the agent has seen. */
  readonly killed: ReadonlySet<string>;
}

/**
 * The containers of a pod. The first, which the pod is there for, has the pod's name; others, those that
 * prepare the pod included, are `<pod>/<container>`. None for a pod that is no workload's.
 */
export function containersOf(
  pod: Pod,
  before: (id: string) => PodContainer | undefined,
): readonly PodContainer[] {
  const { metadata, spec, status = {} } = pod;
  const workload = metadata.labels?.[labelNames.workload];
  if (!workload) return [];
  const statuses = [
    ...(status.containerStatuses ?? []),
    ...(status.initContainerStatuses ?? []),
    ...(status.ephemeralContainerStatuses ?? []),
  ];
  const all = [...spec.containers, ...(spec.initContainers ?? []), ...(spec.ephemeralContainers ?? [])];
  return all.map((one, index) => {
    const id = `${metadata.uid}/${one.name}`;
    const said = statuses.find(({ name }) => name === one.name);
    const killed = killedOf(said, before(id)?.killed);
    return {
      id,
      name: index === 0 ? metadata.name : `${metadata.name}/${one.name}`,
      pod: metadata.name,
      inner: one.name,
      service: metadata.labels?.[labelNames.service] ?? "",
      workload,
      oneShot: metadata.labels?.[labelNames.oneShot] === "true",
      ...stateOf(said, status.phase),
      instance: instanceOf(said),
      restarts: said?.restartCount ?? 0,
      healthy: one.readinessProbe === undefined ? null : said?.ready === true,
      memoryLimit: quantity(one.resources?.limits?.memory ?? "0") ?? 0,
      killed,
      oomKills: killed.size,
    };
  });
}

/** In Docker's words, which metrics and rules know. */
function stateOf(
  said: ContainerStatus | undefined,
  phase: string | undefined,
): Pick<Container, "state" | "running" | "startedAt" | "exitCode"> {
  const { running, terminated, waiting } = said?.state ?? {};
  const last = said?.lastState?.terminated;
  const stopped = { running: false, startedAt: last?.startedAt ?? "", exitCode: last?.exitCode ?? 0 };
  if (running) return { state: "running", running: true, startedAt: running.startedAt, exitCode: 0 };
  if (terminated) {
    const { startedAt, exitCode } = terminated;
    return { state: "exited", running: false, startedAt: startedAt ?? "", exitCode };
  }
  // Evicted, or its node was lost: what the kubelet says then of one that it knows nothing of.
  if (phase === "Failed") return { ...stopped, state: "dead", exitCode: 137 };
  return { ...stopped, state: waiting?.reason === "CrashLoopBackOff" ? "restarting" : "created" };
}

/** Whose log it is that Kubernetes shows: that of the container which runs, or ran last. */
function instanceOf(said: ContainerStatus | undefined): string {
  const { running, terminated } = said?.state ?? {};
  if (running) return said?.containerID ?? running.startedAt;
  return terminated?.containerID || said?.lastState?.terminated?.containerID || "";
}

function killedOf(
  said: ContainerStatus | undefined,
  before: ReadonlySet<string> | undefined,
): ReadonlySet<string> {
  const known = before ?? new Set<string>();
  const seen = [said?.state?.terminated, said?.lastState?.terminated].flatMap((ended) =>
    ended?.reason === "OOMKilled" ? [ended.containerID ?? ended.startedAt ?? ""] : [],
  );
  return seen.every((instance) => known.has(instance)) ? known : new Set([...known, ...seen]);
}
