/** What a cluster says of a workload, in words. Pure. */
import type { ContainerStatus, Job, Pod, Scaled } from "./objects.ts";

export interface PodState {
  readonly ok: boolean;
  readonly words: string;
}

const startReasons: Readonly<Record<string, string>> = {
  ContainerCreating: "pending (its container is being created)",
  PodInitializing: "pending (waits for its dependencies)",
};

/**
 * `running`, `running (not ready)`, `pending (...)`, `CrashLoopBackOff (exited with 1, 4 restarts)`,
 * `completed`, `failed`.
 */
export function podState(pod: Pod): PodState {
  const { status, metadata } = pod;
  if (metadata.deletionTimestamp) return { ok: false, words: "ends" };
  if (status?.phase === "Succeeded") return { ok: true, words: "completed" };
  const all = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  const stuck = all.find(({ state }) => state?.waiting?.reason && !(state.waiting.reason in startReasons));
  if (stuck) return { ok: false, words: waitingText(stuck) };
  if (status?.phase === "Failed") return { ok: false, words: failedText(pod, all) };
  if (status?.phase === "Pending") return { ok: false, words: pendingText(pod, all) };
  const ended = status?.containerStatuses?.find(({ state }) => state?.terminated);
  if (ended) return { ok: false, words: `exited with ${ended.state?.terminated?.exitCode}` };
  if (status?.phase === "Running") {
    const ready = isReady(pod);
    return { ok: ready, words: ready ? "running" : "running (not ready)" };
  }
  return { ok: false, words: status?.phase?.toLowerCase() ?? "unknown" };
}

export const isReady = ({ status, metadata }: Pod): boolean =>
  metadata.deletionTimestamp === undefined &&
  (status?.conditions?.some(({ type, status: is }) => type === "Ready" && is === "True") ?? false);

function waitingText({ state, lastState, restartCount }: ContainerStatus): string {
  const { reason = "waiting", message } = state?.waiting ?? {};
  const died = lastState?.terminated;
  if (died) {
    const why = died.reason === "OOMKilled" ? "out of memory" : `exited with ${died.exitCode}`;
    return `${reason} (${why}, ${restartCount} ${restartCount === 1 ? "restart" : "restarts"})`;
  }
  return message ? `pending (${reason}: ${firstLine(message)})` : `pending (${reason})`;
}

function failedText({ status }: Pod, containers: readonly ContainerStatus[]): string {
  const code = containers.find(({ state }) => state?.terminated?.exitCode)?.state?.terminated?.exitCode;
  // Evicted, for example: no process of its own ended.
  if (code === undefined) return `failed${status?.reason ? ` (${status.reason})` : ""}`;
  return `exited with ${code}`;
}

function pendingText({ status }: Pod, containers: readonly ContainerStatus[]): string {
  const placed = status?.conditions?.find(({ type }) => type === "PodScheduled");
  if (placed?.status === "False")
    return `pending (${firstLine(placed.message ?? placed.reason ?? "no node")})`;
  const reason = containers.map(({ state }) => state?.waiting?.reason).find((r) => r !== undefined);
  return startReasons[reason ?? ""] ?? "pending";
}

/**
 * Of a Deployment or StatefulSet with its pods. `replicas` is what it is asked for, zero when it was stopped.
 */
export function scaledState(scaled: Scaled, pods: readonly Pod[]): PodState & { readonly stopped: boolean } {
  const wanted = scaled.spec.replicas ?? 1;
  const living = pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  if (wanted === 0) {
    const ending = pods.length > 0;
    return { ok: false, stopped: !ending, words: ending ? "ends" : "stopped" };
  }
  const states = living.map(podState);
  const ready = states.filter(({ ok }) => ok).length;
  const unwell = states.find(({ ok }) => !ok);
  if (unwell === undefined && ready >= wanted) return { ok: true, stopped: false, words: countText(ready) };
  const refused = scaled.status?.conditions?.find(
    ({ type, status }) => type === "ReplicaFailure" && status === "True",
  );
  const why =
    unwell?.words ??
    (refused ? `pending (${firstLine(refused.message ?? refused.reason ?? "")})` : "pending");
  // While one answers the service does: a rolling update is no fault.
  return {
    ok: ready > 0,
    stopped: false,
    words: ready === 0 ? why : `${countText(ready)} of ${wanted}; one more: ${why}`,
  };
}

const countText = (count: number): string => (count === 1 ? "running" : `${count} running`);

export function jobState({ status }: Job, pods: readonly Pod[]): PodState {
  const is = (type: string) => status?.conditions?.find((c) => c.type === type && c.status === "True");
  if (is("Complete")) return { ok: true, words: "completed" };
  const failed = is("Failed");
  if (failed) {
    const words = pods.map(podState).find((state) => !state.ok)?.words;
    return { ok: false, words: words ?? `failed (${failed.reason ?? "no reason given"})` };
  }
  const pod = pods.at(-1);
  if (!pod) return { ok: true, words: "pending" };
  const state = podState(pod);
  // It runs once: while it does, nothing is wrong yet.
  return { ok: state.ok || /^(running|pending|completed)/.test(state.words), words: state.words };
}

const firstLine = (text: string): string => (text.split("\n")[0] ?? "").replace(/\.$/, "").slice(0, 200);
