import { setTimeout as sleep } from "node:timers/promises";
import { DatalabError } from "../../errors.ts";
import { ApiError, type Cluster } from "./api.ts";
import {
  ownSelector,
  type Pod,
  paths,
  replicasNote,
  type Scaled,
  type ScaledKind,
  scaledKinds,
} from "./objects.ts";
import { podState } from "./state.ts";

export type Found = Scaled & { readonly kind: ScaledKind };

/** Who the cluster notes as having changed a count, until it is told to forget it. */
const manager = "datalab-cli";
/** What a cluster takes beyond the grace to notice that a pod has ended. */
const noticeMs = 60_000;
const pollMs = 500;
const forgetTries = 20;

/** Deployments and StatefulSets. */
export async function listScaled(cluster: Cluster, labelSelector: string): Promise<readonly Found[]> {
  const kinds = Object.keys(scaledKinds) as ScaledKind[];
  const lists = await Promise.all(
    kinds.map(async (kind) =>
      (await cluster.list<Scaled>(paths.scaled(kind, cluster.target.namespace), { labelSelector })).map(
        (each) => ({
          ...each,
          kind,
        }),
      ),
    ),
  );
  return lists.flat();
}

export async function findScaled(
  cluster: Cluster,
  stack: string,
  workload: string,
): Promise<Found | undefined> {
  return (await listScaled(cluster, ownSelector(stack, workload)))[0];
}

/** The same, where it must be there. Throws E_WORKLOAD_DOWN. */
export async function existing(
  cluster: Cluster,
  stack: string,
  workload: string,
  kind: ScaledKind,
): Promise<Found> {
  const found = await findScaled(cluster, stack, workload);
  if (found) return found;
  throw new DatalabError("E_WORKLOAD_DOWN", `There is no ${kind} of ${workload}.`, {
    hint: `./datalab up --stack ${stack} creates it.`,
  });
}

/** Asks for no pods at all and waits until the last one has ended. How many there were is noted on it. */
export async function scaleToZero(
  cluster: Cluster,
  found: Found,
  pods: () => Promise<readonly Pod[]>,
  graceSeconds: number,
): Promise<void> {
  const { replicas = 1 } = found.spec;
  // An autoscaler leaves alone what has none.
  if (replicas > 0) await setReplicas(cluster, found, 0, String(replicas));
  await until(
    async () => (await pods()).length === 0,
    graceSeconds * 1000 + noticeMs,
    async () => {
      const left = (await pods()).map((pod) => `${pod.metadata.name} (${podState(pod).words})`);
      return `${found.metadata.name} has not stopped: ${left.join(", ")}`;
    },
  );
}

/** Asks for as many as there were. What does run is left alone. */
export async function startAgain(cluster: Cluster, found: Found): Promise<void> {
  const noted = found.metadata.annotations?.[replicasNote];
  const { replicas = 1 } = found.spec;
  if (replicas > 0 && noted === undefined) return;
  await setReplicas(cluster, found, replicas > 0 ? replicas : Number(noted ?? 1), null);
}

async function setReplicas(
  cluster: Cluster,
  found: Found,
  replicas: number,
  note: string | null,
): Promise<void> {
  const path = `${paths.scaled(found.kind, cluster.target.namespace)}/${found.metadata.name}`;
  const body = { metadata: { annotations: { [replicasNote]: note } }, spec: { replicas } };
  await cluster.patch(path, body, { query: { fieldManager: manager } });
  await forgetManager(cluster, path);
}

/**
 * The count stays the engine's to set: whoever is noted as its owner would make the next update of it a
 * conflict.
 */
async function forgetManager(cluster: Cluster, path: string): Promise<void> {
  for (let left = forgetTries; ; left--) {
    const entries = (await cluster.get<Scaled>(path))?.metadata.managedFields ?? [];
    const mine = entries.flatMap((entry, i) => (entry.manager === manager ? [i] : []));
    if (mine.length === 0) return;
    const body = mine.toReversed().flatMap((i) => [
      { op: "test", path: `/metadata/managedFields/${i}/manager`, value: manager },
      { op: "remove", path: `/metadata/managedFields/${i}` },
    ]);
    try {
      return await cluster.patch(path, body, { type: "application/json-patch+json" });
    } catch (error) {
      // The controllers write their own entries at just this time, and the places in the list move.
      const moved = error instanceof ApiError && (error.status === 422 || error.status === 409);
      if (!moved || left === 0) throw error;
      await sleep(pollMs / 5);
    }
  }
}

/** Ends a pod that a service has started; with the Job that would start it again. */
export async function stopPod(cluster: Cluster, pod: Pod, graceSeconds: number): Promise<void> {
  const { namespace } = cluster.target;
  const path = `${paths.pods(namespace)}/${pod.metadata.name}`;
  const job = pod.metadata.ownerReferences?.find(({ kind, controller }) => controller && kind === "Job");
  await cluster.remove(job ? `${paths.jobs(namespace)}/${job.name}` : path);
  await until(
    async () => {
      const now = await cluster.get<Pod>(path);
      return now === undefined || now.metadata.uid !== pod.metadata.uid;
    },
    graceSeconds * 1000 + noticeMs,
    async () => `The pod ${pod.metadata.name} has not ended`,
  );
}

/** Waits until something is so. */
export async function until(
  isSo: () => Promise<boolean>,
  maxMs: number,
  otherwise: () => Promise<string>,
): Promise<void> {
  for (const end = Date.now() + maxMs; ; ) {
    if (await isSo()) return;
    if (Date.now() > end) {
      throw new DatalabError(
        "E_CLUSTER_TIMEOUT",
        `${await otherwise()}, after ${Math.round(maxMs / 1000)} s.`,
        {
          hint: "Use kubectl describe for details; check its node, and whether kube-controller-manager works.",
        },
      );
    }
    await sleep(pollMs);
  }
}
