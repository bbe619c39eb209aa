/** Whether a pod, or what should have made it, can still come to run. Pure. */
import type { ContainerStatus, Job, Pod } from "./objects.ts";

export interface Verdict {
  /** What is wrong, however the cluster words it this time. */
  readonly kind: "died" | "image" | "container" | "node" | "volume" | "refused" | "slow";
  /** Completes "<workload> can't start: ...". */
  readonly reason: string;
  readonly exitCode: number | null;
  /** It is taken for dead when this is so for as long. */
  readonly afterMs: number;
}

/** A second failure is one too many. */
const failuresAllowed = 1;
/** What a moment later may be put right: a secret that comes, a registry that was busy. */
const timeoutMs = 20_000;
/** A cluster may have to add a node first. */
const nodeMs = 150_000;
/** Volumes take their time to be made and attached. */
const volumeMs = 180_000;

const pulls = [
  "ImagePullBackOff",
  "ErrImagePull",
  "ErrImageNeverPull",
  "InvalidImageName",
  "RegistryUnavailable",
];
const containers = ["CreateContainerConfigError", "CreateContainerError", "RunContainerError"];

/** `before`: how often its containers had died when it was first seen. */
export function podVerdict(pod: Pod, before = 0): Verdict | undefined {
  const { status, metadata } = pod;
  if (metadata.deletionTimestamp) return undefined;
  const all = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  const failures = failuresOf(pod) - before;
  const dead = all.find((c) => c.lastState?.terminated ?? c.state?.terminated?.exitCode);
  if (failures > failuresAllowed && dead) {
    const ended = dead.state?.terminated ?? dead.lastState?.terminated;
    const exitCode = ended?.exitCode ?? null;
    const why =
      ended?.reason === "OOMKilled"
        ? "it exceeded its memory limit"
        : `its process ended with exit code ${exitCode}`;
    return { kind: "died", reason: `${why}, ${failures} times`, exitCode, afterMs: 0 };
  }
  for (const { state, image } of all as readonly (ContainerStatus & { readonly image?: string })[]) {
    const { reason = "", message = "" } = state?.waiting ?? {};
    if (pulls.includes(reason)) {
      return {
        kind: "image",
        reason: `its image ${image ?? ""} can't be pulled (${reason}: ${message})`,
        exitCode: null,
        afterMs: timeoutMs,
      };
    }
    if (containers.includes(reason)) {
      return {
        kind: "container",
        reason: `its container can't be created (${reason}: ${message})`,
        exitCode: null,
        afterMs: timeoutMs,
      };
    }
  }
  const placed = status?.conditions?.find(({ type }) => type === "PodScheduled");
  if (placed?.status === "False") {
    return {
      kind: "node",
      reason: `no node accepts its pod (${placed.message ?? placed.reason})`,
      exitCode: null,
      afterMs: nodeMs,
    };
  }
  if (
    status?.phase === "Pending" &&
    all.some(({ state }) => state?.waiting?.reason === "ContainerCreating")
  ) {
    return {
      kind: "volume",
      reason: "its container is not created",
      exitCode: null,
      afterMs: volumeMs,
    };
  }
  return undefined;
}

/** How often containers of a pod have ended by themselves; what runs once and ended well has not died. */
export function failuresOf({ status }: Pod): number {
  const all = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  return all.reduce((sum, { restartCount, state }) => {
    const waits = state?.waiting?.reason === "CrashLoopBackOff";
    const ended = state?.terminated !== undefined && state.terminated.exitCode !== 0;
    return sum + restartCount + (waits || ended ? 1 : 0);
  }, 0);
}

/** A one-shot that has used up its tries. */
export function jobVerdict({ status }: Job, pods: readonly Pod[]): Verdict | undefined {
  const failed = status?.conditions?.find((c) => c.type === "Failed" && c.status === "True");
  if (!failed) return undefined;
  const codes = pods
    .flatMap((pod) => pod.status?.containerStatuses ?? [])
    .map((c) => c.state?.terminated?.exitCode);
  const exitCode = codes.find((code) => code) ?? null;
  const ended = exitCode === null ? "" : `its process ended with exit code ${exitCode}; `;
  return {
    kind: "died",
    reason: `${ended}${failed.message ?? failed.reason ?? "its Job failed"}`,
    exitCode,
    afterMs: 0,
  };
}
