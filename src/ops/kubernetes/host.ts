import { pageName, pageUrl } from "../../model/ingress.ts";
import { labelNames } from "../../model/names.ts";
import type { DeploymentTarget } from "../../model/platform.ts";
import type { LockPlace } from "../shared-lock.ts";
import type { Host, Timeouts } from "../target.ts";
import { type Cluster, connectCluster, ifVisible } from "./api.ts";
import { checkCluster } from "./cluster-check.ts";
import {
  foreignObjects,
  keptVolumes,
  objectsOf,
  ownerOf,
  podsGone,
  removeClaims,
  removeObjects,
  spawnedSelector,
  stackSelector,
} from "./inventory.ts";
import { leaseLock } from "./lease.ts";
import { checkOwner, findNamespace, removeEmptyNamespace } from "./namespace.ts";
import { ownSelector, replicasNote } from "./objects.ts";
import { listScaled, startAgain } from "./scale.ts";
import { kubernetesStoreHost } from "./store.ts";
import { diagnose, endOneShots, failedJobs, watchPods } from "./watch.ts";

/** A stack's place in a cluster. The cluster is asked for nothing before something is wanted of it. */
export function kubernetesHost(target: DeploymentTarget, timeouts: Timeouts = {}): Host {
  return target.cluster?.context === null ? hostToCome(target) : hostIn(target, timeouts);
}

/** The stack's lock in its namespace; undefined: there is no such namespace, or no cluster yet. */
export async function lockInCluster({ stack, cluster }: DeploymentTarget): Promise<LockPlace | undefined> {
  if (!cluster || cluster.context === null) return undefined;
  const open = connectCluster(cluster);
  return (await findNamespace(open)) ? leaseLock(open, stack) : undefined;
}

/** Pods end within their grace; what controllers own goes a little later. */
const usualGoneSeconds = 180;

const coreUrl: Host["coreUrl"] = ({ health, cluster, services }) => {
  if (!health || !cluster) return undefined;
  for (const service of services) {
    const workload = service.workloads.find(({ name }) => name === health.workload);
    if (workload) return pageUrl(cluster.ingress, pageName(service, workload, health.endpoint));
  }
  return undefined;
};

/**
 * A cluster that the engine itself makes, and takes away with all that is in it: nothing is known of it from
 * here.
 */
function hostToCome({ cluster }: DeploymentTarget): Host {
  return {
    coreUrl,
    checkTarget: async () => {},
    watchFailures: (_stack, _update, signal) =>
      new Promise((resolve) => {
        if (signal.aborted) resolve(undefined);
        signal.addEventListener("abort", () => resolve(undefined), { once: true });
      }),
    diagnose: async () => undefined,
    startStopped: async () => [],
    stopOneShots: async () => {},
    failedOneShots: async () => [],
    inventory: async () => ({ objects: [], volumes: [] }),
    spawned: async () => [],
    removeSpawned: async () => [],
    removeLeftovers: async () => {},
    removeVolumes: async () => {},
    stores: {
      ...kubernetesStoreHost(() =>
        connectCluster({ context: null, kubeconfig: null, namespace: "", ...cluster }),
      ),
      environment: async () => undefined,
    },
  };
}

function hostIn(
  { stack: own, cluster: model }: DeploymentTarget,
  { goneSeconds = usualGoneSeconds }: Timeouts,
): Host {
  const goneMs = goneSeconds * 1000;
  let known: Cluster | undefined;
  const open = (): Cluster => {
    if (!model) throw new Error(`the stack ${own} has no cluster`);
    known ??= connectCluster(model);
    return known;
  };

  return {
    coreUrl,
    checkTarget: checkCluster,

    watchFailures: async (stack, update, signal) => watchPods(open(), stack, update, signal),
    diagnose: async (stack, workload) => diagnose(open(), stack, workload),

    async startStopped(stack) {
      const stopped = (await listScaled(open(), ownSelector(stack))).filter(
        ({ metadata, spec }) => spec.replicas === 0 && metadata.annotations?.[replicasNote] !== undefined,
      );
      await Promise.all(stopped.map((each) => startAgain(open(), each)));
      return stopped.flatMap(({ metadata }) => metadata.labels?.[labelNames.service] ?? []);
    },

    stopOneShots: async (stack) => endOneShots(open(), stack),
    failedOneShots: async (stack) => failedJobs(open(), stack),

    async inventory(stack) {
      const [objects, volumes, namespace] = await Promise.all([
        objectsOf(open(), stackSelector(stack)),
        keptVolumes(open(), stack),
        ifVisible(findNamespace(open())),
      ]);
      const owner = namespace ? ownerOf(namespace.metadata) : {};
      return {
        objects: objects.map((object) => ({ ...owner, ...object })),
        volumes: volumes.map((volume) => ({ ...owner, ...volume })),
      };
    },

    async foreign() {
      const { pullSecrets = [], ingress } = model ?? {};
      const secrets = [...pullSecrets, ...(ingress?.tlsSecret ? [ingress.tlsSecret] : [])];
      return foreignObjects(
        open(),
        secrets.map((name) => `Secret/${name}`),
      );
    },

    async spawned(stack) {
      return (await objectsOf(open(), spawnedSelector(stack))).map(({ name }) => name);
    },

    async removeSpawned(stack) {
      await checkOwner(open(), stack);
      const objects = await objectsOf(open(), spawnedSelector(stack));
      await removeObjects(open(), objects, spawnedSelector(stack), goneMs);
      return objects.map(({ name }) => name);
    },

    async removeLeftovers(objects) {
      await checkOwner(open(), own);
      if (objects.length === 0) return;
      const wanted = new Set(objects.map(({ kind, name }) => `${kind}/${name}`));
      const found = (await objectsOf(open(), stackSelector(own))).filter((o) =>
        wanted.has(`${o.kind}/${o.name}`),
      );
      const workloads = [...new Set(found.map(({ name }) => name))].join(",");
      await removeObjects(
        open(),
        found,
        `${stackSelector(own)},${labelNames.workload} in (${workloads})`,
        goneMs,
      );
    },

    async removeVolumes(names) {
      await checkOwner(open(), own);
      await podsGone(open(), stackSelector(own), goneMs);
      if (names.length > 0) await removeClaims(open(), names, goneMs);
      await removeEmptyNamespace(open(), own, goneMs);
    },

    stores: kubernetesStoreHost(open),
  };
}
