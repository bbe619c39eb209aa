import type * as k8s from "@pulumi/kubernetes";
import { labelNames } from "../../model/names.ts";
import type { PlatformModel, WorkloadModel } from "../../model/platform.ts";
import { priorityClass, type Rank, ranks, stackLabels } from "./names.ts";
import { cpu, cpuLimit, cpuRequest, mebibytes } from "./resources.ts";
import { isStateful } from "./workload.ts";

/** The stack's own namespace, and what its pods may take in all. */

const standard = "restricted";

type Owned = Pick<PlatformModel, "stack" | "installation">;

/**
 * Of what says whose everything in it is: the namespace, and what stands in none. Labels of the rest would be
 * in templates that a cluster does not let anybody change.
 */
const ownerLabels = ({ stack, installation }: Owned) => ({
  ...stackLabels(stack),
  ...(installation && { [labelNames.installation]: installation.id }),
});

const originNote = ({ installation }: Owned) =>
  installation && { annotations: { [labelNames.origin]: installation.origin } };

export function namespaceArgs(model: Owned, name: string): k8s.core.v1.NamespaceArgs {
  const modes = ["enforce", "audit", "warn"] as const;
  return {
    metadata: {
      name,
      ...originNote(model),
      labels: {
        ...ownerLabels(model),
        ...Object.fromEntries(
          modes.flatMap((mode) => [
            [`pod-security.kubernetes.io/${mode}`, standard],
            [`pod-security.kubernetes.io/${mode}-version`, "latest"],
          ]),
        ),
      },
    },
  };
}

export function priorityClassArgs(model: Owned, rank: Rank): k8s.scheduling.v1.PriorityClassArgs {
  const { stack } = model;
  return {
    metadata: { name: priorityClass(stack, rank), ...originNote(model), labels: ownerLabels(model) },
    value: ranks[rank],
    globalDefault: false,
    preemptionPolicy: rank === "batch" ? "Never" : "PreemptLowerPriority",
    description: `${rank} pods of the DataLab stack ${stack}`,
  };
}

interface Sum {
  milliCpu: number;
  limitMilliCpu: number;
  memoryBytes: number;
  pods: number;
  claims: number;
}

/**
 * Room for everything at its maxReplicas, and all that may be spawned. One pod more of each: updates overlap,
 * and while objects are moved two engines of a store run side by side, the next one on a claim of its own.
 */
export function quotaArgs(
  model: PlatformModel,
  namespace: string,
  overcommit: number,
): k8s.core.v1.ResourceQuotaArgs {
  const sum: Sum = { milliCpu: 0, limitMilliCpu: 0, memoryBytes: 0, pods: 0, claims: 0 };
  const add = (size: { milliCpu: number; memoryBytes: number }, count: number) => {
    sum.milliCpu += cpuRequest(size.milliCpu, overcommit) * count;
    sum.limitMilliCpu += cpuLimit(size.milliCpu) * count;
    sum.memoryBytes += size.memoryBytes * count;
    sum.pods += count;
  };
  for (const workload of model.services.flatMap((s) => s.workloads)) {
    add(workload, maxReplicas(workload) + 1);
    sum.claims += workload.volumes.length * workload.replicas + (isStateful(workload) ? 1 : 0);
    for (const spawn of workload.spawns) {
      add(spawn, spawn.atMost);
      // A person's claim outlives the person's pod.
      if (spawn.home) sum.claims += 10 * spawn.atMost;
    }
  }
  return {
    metadata: { name: "stack", namespace, labels: { ...stackLabels(model.stack) } },
    spec: {
      hard: {
        pods: String(sum.pods),
        "requests.cpu": cpu(sum.milliCpu),
        "requests.memory": mebibytes(sum.memoryBytes),
        "limits.cpu": cpu(sum.limitMilliCpu),
        "limits.memory": mebibytes(sum.memoryBytes),
        persistentvolumeclaims: String(sum.claims),
        "services.nodeports": "0",
        "services.loadbalancers": "0",
      },
    },
  };
}

const maxReplicas = ({ replicas, scale }: WorkloadModel): number => scale?.max ?? replicas;

/** Whatever is started without saying its size gets a small one. */
export function limitRangeArgs(stack: string, namespace: string): k8s.core.v1.LimitRangeArgs {
  return {
    metadata: { name: "stack", namespace, labels: { ...stackLabels(stack) } },
    spec: {
      limits: [
        {
          type: "Container",
          default: { cpu: "1", memory: "256Mi", "ephemeral-storage": "1Gi" },
          defaultRequest: { cpu: "50m", memory: "256Mi", "ephemeral-storage": "64Mi" },
        },
      ],
    },
  };
}
