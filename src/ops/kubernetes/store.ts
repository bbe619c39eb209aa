import { DatalabError } from "../../errors.ts";
import { labelNames } from "../../model/names.ts";
import type { RunningStore, StoreHost, StoreInstance } from "../store-host.ts";
import type { Cluster } from "./api.ts";
import { ensureClaim } from "./claims.ts";
import { execInPod } from "./exec.ts";
import { forwardTo } from "./forward.ts";
import {
  claimOf,
  container,
  createFiles,
  createPod,
  ended,
  labelsOf,
  podSpec,
  printed,
  removePod,
  role,
  runs,
  secrets,
  storeClaim,
  waitingPod,
} from "./helper-pod.ts";
import { ownSelector, type Pod, paths } from "./objects.ts";
import { existing, findScaled, scaleToZero, startAgain, until } from "./scale.ts";
import { isReady } from "./state.ts";

const startMs = 120_000;
const stopSeconds = 60;

const engineInstanceName = (workload: string, name: string): string => `${workload}-migration-${name}`;

/**
 * Runs a store's engines beside the stack in its namespace: pods like the store's own, under the same
 * policies, which no Service and no network rule knows; they are reached through the API.
 */
export function kubernetesStoreHost(open: () => Cluster): StoreHost {
  const scaled = (stack: string, workload: string) => existing(open(), stack, workload, "StatefulSet");
  const podsOf = (stack: string, workload: string) =>
    open().list<Pod>(paths.pods(open().target.namespace), { labelSelector: ownSelector(stack, workload) });

  return {
    async environment(stack, workload) {
      const containers = (await findScaled(open(), stack, workload))?.spec.template?.spec?.containers;
      const env = containers?.flatMap((each) => each.env ?? []);
      return env && Object.fromEntries(env.map(({ name, value }) => [name, value]));
    },

    async hasVolume(_stack, workload, volume) {
      const { target } = open();
      return (
        (await open().get(`${paths.claims(target.namespace)}/${claimOf(workload, volume)}`)) !== undefined
      );
    },

    async isRunning(stack, workload) {
      return ((await findScaled(open(), stack, workload))?.spec.replicas ?? 0) > 0;
    },

    async onVolume({ stack, workload, image }, volume, script) {
      const command = ["bash", "-c", script];
      // A claim may be held by one node: where the store runs, it is asked itself.
      const running = (await podsOf(stack, workload.name)).find(isReady);
      if (running) {
        const pod = running.metadata.name;
        return printed(pod, await execInPod(open(), pod, container, command, {}));
      }
      const name = engineInstanceName(workload.name, "volume");
      const volumes = [{ ...volume, claim: claimOf(workload.name, volume.name) }];
      const spec = podSpec(await scaled(stack, workload.name), volumes, image, {
        command: ["sleep", "300"],
      });
      const pod = await waitingPod(open(), name, labelsOf(stack, workload.service), spec, "E_STORE_START");
      try {
        return printed(name, await pod.run(command));
      } finally {
        await pod.close();
      }
    },

    async start(instance) {
      const { stack, workload } = instance;
      const cluster = open();
      const name = engineInstanceName(workload.name, instance.name);
      const found = await scaled(stack, workload.name);
      await removeInstance(cluster, name);
      try {
        for (const volume of workload.volumes)
          await ensureClaim(cluster, storeClaim(found, instance, volume));
        await createFiles(cluster, instance, name);
        const volumes = workload.volumes.map((v) => ({ ...v, claim: claimOf(workload.name, v.name) }));
        const spec = podSpec(found, volumes, instance.image, {
          args: instance.command,
          env: Object.entries(instance.env).map(([key, value]) => ({ name: key, value })),
          secret: name,
        });
        await createPod(cluster, name, labelsOf(stack, workload.service), spec);
        await runs(cluster, name, "E_STORE_START");
        return await ready(cluster, instance, name);
      } catch (error) {
        await removeInstance(cluster, name);
        throw error;
      }
    },

    async stopInstance(stack, workload) {
      const found = await findScaled(open(), stack, workload);
      if (found) await scaleToZero(open(), found, () => podsOf(stack, workload), stopSeconds);
    },

    async startInstance(stack, workload) {
      const found = await findScaled(open(), stack, workload);
      if (found) await startAgain(open(), found);
      return found !== undefined;
    },

    removal(_stack, workload, volume, removed) {
      const { context, namespace } = open().target;
      const name = claimOf(workload, volume);
      const kubectl = `kubectl --context ${context} --namespace ${namespace}`;
      const remove = removed
        ? `${kubectl} exec statefulset/${workload} -- rm -rf ${removed.join(" ")}`
        : `${kubectl} delete pvc ${name}`;
      return { volume: name, remove };
    },

    async removeInstances(stack) {
      const { namespace } = open().target;
      const labelSelector = `${labelNames.stack}=${stack},${labelNames.role}=${role}`;
      for (const { metadata } of await open().list<Pod>(paths.pods(namespace), { labelSelector }))
        await removePod(open(), metadata.name);
      for (const { metadata } of await open().list<Pod>(secrets(namespace), { labelSelector }))
        await open().remove(`${secrets(namespace)}/${metadata.name}`);
    },
  };
}

async function ready(cluster: Cluster, instance: StoreInstance, name: string): Promise<RunningStore> {
  await until(
    async () => {
      const pod = await cluster.get<Pod>(`${paths.pods(cluster.target.namespace)}/${name}`);
      if (pod?.status?.phase !== "Running")
        throw pod ? await ended(cluster, pod, "E_STORE_START") : gone(name);
      return (await execInPod(cluster, name, container, instance.probe, {})).code === 0;
    },
    startMs,
    async () => `The engine ${instance.name} was not ready`,
  );
  const forward = await forwardTo(cluster, name, instance.port);
  return {
    url: forward.url,
    stop: async () => {
      await forward.close();
      await removeInstance(cluster, name);
    },
  };
}

const gone = (name: string) => new DatalabError("E_STORE_START", `The pod ${name} is gone.`);

async function removeInstance(cluster: Cluster, name: string): Promise<void> {
  await removePod(cluster, name);
  await cluster.remove(`${secrets(cluster.target.namespace)}/${name}`);
}
