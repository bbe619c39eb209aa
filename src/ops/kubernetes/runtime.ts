import { DatalabError } from "../../errors.ts";
import { labelNames, spawnedRole } from "../../model/names.ts";
import type { PlatformOutput } from "../../outputs/platform.ts";
import type { Instance, Runtime } from "../target.ts";
import { type Cluster, connectCluster } from "./api.ts";
import { execInPod } from "./exec.ts";
import { kubernetesHomes } from "./homes.ts";
import { ownerOf } from "./inventory.ts";
import { rerunJob } from "./jobs.ts";
import { podLogs } from "./logs.ts";
import { type Job, mainContainer, ownSelector, type Pod, paths, workloadOf } from "./objects.ts";
import { findScaled, listScaled, scaleToZero, startAgain, stopPod } from "./scale.ts";
import { isReady, jobState, podState, scaledState } from "./state.ts";

/** Loads the workload's environment, secrets included, which a command in its container does not have. */
const start = "datalab-start";

/** Names by which the platform and the cluster know the same workloads. */
interface Names {
  workload(instance: string): string;
  instance(workload: string): string;
}

export function kubernetesRuntime(platform: PlatformOutput): Runtime {
  const { kubernetes } = platform;
  if (!kubernetes) {
    throw new DatalabError("E_PLATFORM_OUTPUT", `The stack ${platform.stack} has no cluster in its output.`, {
      hint: `./datalab up --stack ${platform.stack} updates it to this version.`,
    });
  }
  const workloads = platform.services.flatMap((service) => service.workloads);
  const names: Names = {
    workload: (instance) => workloads.find((w) => w.instance === instance)?.name ?? instance,
    instance: (workload) => workloads.find((w) => w.name === workload)?.instance ?? workload,
  };
  return runtimeIn(connectCluster(kubernetes), platform.stack, names);
}

/** @param names how the caller calls workloads; by default as the cluster does */
export function runtimeIn(
  cluster: Cluster,
  stack: string,
  names: Names = { workload: (name) => name, instance: (name) => name },
): Runtime {
  const { namespace } = cluster.target;
  const podsOf = (workload: string) =>
    cluster.list<Pod>(paths.pods(namespace), { labelSelector: ownSelector(stack, workload) });

  async function spawnedPod(name: string): Promise<Pod | undefined> {
    const pod = await cluster.get<Pod>(`${paths.pods(namespace)}/${name}`);
    return pod?.metadata.labels?.[labelNames.role] === spawnedRole ? pod : undefined;
  }

  return {
    homes: kubernetesHomes(cluster),

    async exec(instance, command, options) {
      const pods = await podsOf(names.workload(instance));
      // The newest that answers: during a rollout the one that stays.
      const pod = pods.filter(isReady).sort(newestFirst)[0] ?? pods.filter(isRunning).sort(newestFirst)[0];
      const container = pod && mainContainer(pod);
      if (!pod || !container) {
        const state = pods[0] ? `its pod is ${podState(pods[0]).words}` : "it has no pod";
        throw new DatalabError("E_WORKLOAD_DOWN", `${instance} is not running: ${state}.`, {
          hint: "./datalab platform status",
        });
      }
      return execInPod(cluster, pod.metadata.name, container, [start, ...command], options);
    },

    async logs(instance, options, onLine) {
      const workload = names.workload(instance);
      const find = async () => {
        const pods = await podsOf(workload);
        if (pods.length > 0) return pods;
        const pod = await spawnedPod(instance);
        return pod ? [pod] : [];
      };
      if ((await find()).length === 0 && !options.follow) {
        throw new DatalabError("E_WORKLOAD_DOWN", `There is no pod of ${instance}.`, {
          hint: "./datalab platform status",
        });
      }
      await podLogs(cluster, find, options, onLine);
    },

    async instances() {
      const labelSelector = ownSelector(stack);
      const spawnedSelector = `${labelNames.stack}=${stack},${labelNames.role}=${spawnedRole}`;
      const [scaled, jobs, pods, spawned] = await Promise.all([
        listScaled(cluster, labelSelector),
        cluster.list<Job>(paths.jobs(namespace), { labelSelector }),
        cluster.list<Pod>(paths.pods(namespace), { labelSelector }),
        cluster.list<Pod>(paths.pods(namespace), { labelSelector: spawnedSelector }),
      ]);
      const of = (workload: string) => pods.filter(({ metadata }) => workloadOf(metadata) === workload);
      const base = (metadata: Pod["metadata"]) => {
        const workload = workloadOf(metadata);
        const service = metadata.labels?.[labelNames.service] ?? workload;
        return { name: names.instance(workload), service, workload };
      };
      return [
        ...scaled.map((each): Instance => {
          const { ok, stopped, words } = scaledState(each, of(workloadOf(each.metadata)));
          return { ...base(each.metadata), oneShot: false, ok, stopped, state: words };
        }),
        ...jobs.map((job): Instance => {
          const { ok, words } = jobState(job, of(workloadOf(job.metadata)));
          return { ...base(job.metadata), oneShot: true, ok, stopped: false, state: words };
        }),
        // What a service has started itself counts while it runs.
        ...spawned.filter(isRunning).map((pod): Instance => {
          const { ok, words } = podState(pod);
          const own = base(pod.metadata);
          return { ...own, name: pod.metadata.name, oneShot: false, ok, stopped: false, state: words };
        }),
      ];
    },

    async owners() {
      const scaled = await listScaled(cluster, ownSelector(stack));
      return scaled.flatMap(({ metadata }) => ownerOf(metadata).owner ?? []);
    },

    async start(instance) {
      const found = await findScaled(cluster, stack, names.workload(instance));
      if (!found) {
        throw new DatalabError(
          "E_WORKLOAD_DOWN",
          `There is no Deployment and no StatefulSet of ${instance}.`,
          {
            hint: "./datalab up creates it.",
          },
        );
      }
      await startAgain(cluster, found);
    },

    rerun: (instance) => rerunJob(cluster, stack, names.workload(instance)),

    async stop(instance, graceSeconds) {
      const workload = names.workload(instance);
      const found = await findScaled(cluster, stack, workload);
      if (found) return scaleToZero(cluster, found, () => podsOf(workload), graceSeconds);
      const pod = await spawnedPod(instance);
      // What removes itself at its end is as stopped as can be.
      if (pod) await stopPod(cluster, pod, graceSeconds);
    },
  };
}

const isRunning = ({ status, metadata }: Pod): boolean =>
  status?.phase === "Running" && metadata.deletionTimestamp === undefined;

const newestFirst = (a: Pod, b: Pod): number =>
  (b.metadata.creationTimestamp ?? "").localeCompare(a.metadata.creationTimestamp ?? "");
