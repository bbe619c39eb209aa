import type * as k8s from "@pulumi/kubernetes";
import type { WorkloadModel } from "../../model/platform.ts";
import { containerName, everyPod, type Labels, selector, workloadLabels } from "./names.ts";
import { cpu, mebibytes } from "./resources.ts";

/** Workloads as objects of the Kubernetes API: plain data, made into resources elsewhere. */

type PodSpec = k8s.types.input.core.v1.PodSpec;
type PodTemplate = k8s.types.input.core.v1.PodTemplateSpec;

export interface WorkloadArgs {
  readonly stack: string;
  readonly namespace: string;
  readonly workload: WorkloadModel;
  /** What changes when its program does. */
  readonly release: string;
  /** Hash of its files: a change of one starts it again. */
  readonly filesHash: k8s.types.input.meta.v1.ObjectMeta["uid"];
  readonly pod: PodSpec;
  readonly storageClass: string | null;
}

export const isStateful = ({ volumes }: WorkloadModel): boolean => volumes.length > 0;
/** Whether there may be several. */
export const isSeveral = ({ replicas, scale }: WorkloadModel): boolean => replicas > 1 || scale !== null;

export function metadata(
  { stack, namespace, workload }: Pick<WorkloadArgs, "stack" | "namespace" | "workload">,
  name = workload.name,
  annotations?: Labels,
) {
  return {
    name,
    namespace,
    labels: { ...workloadLabels(stack, workload), "app.kubernetes.io/component": workload.part },
    ...(annotations && { annotations: { ...annotations } }),
  };
}

function template(args: WorkloadArgs): PodTemplate {
  const { filesHash } = args;
  return {
    metadata: {
      labels: {
        ...metadata(args).labels,
        "datalab.release": args.release,
        ...(args.workload.oneShot && { "datalab.oneshot": "true" }),
      },
      annotations: {
        "kubectl.kubernetes.io/default-container": containerName,
        ...(filesHash !== undefined && { "datalab.files": filesHash }),
      },
    },
    spec: args.pod,
  };
}

/** What holds nothing of its own: a new one is ready before an old one goes. */
export function deployment(args: WorkloadArgs): k8s.apps.v1.DeploymentArgs {
  const { stack, workload } = args;
  return {
    metadata: metadata(args),
    spec: {
      // A range is the autoscaler's business.
      ...(workload.scale === null && { replicas: workload.replicas }),
      revisionHistoryLimit: 3,
      progressDeadlineSeconds: 600,
      selector: { matchLabels: { ...selector(stack, workload.name) } },
      strategy:
        workload.updateOrder === "start-first"
          ? { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } }
          : // There must never be two of what does not say that there may be.
            { type: "Recreate" },
      template: template(args),
    },
  };
}

/** What holds data: its claims outlive it, and are adopted by the next of its name. */
export function statefulSet(args: WorkloadArgs): k8s.apps.v1.StatefulSetArgs {
  const { stack, workload, storageClass } = args;
  const kept = workload.volumes.every(({ policy }) => policy === "retain");
  return {
    metadata: metadata(args),
    spec: {
      replicas: workload.replicas,
      serviceName: workload.name,
      revisionHistoryLimit: 3,
      podManagementPolicy: "Parallel",
      persistentVolumeClaimRetentionPolicy: { whenDeleted: kept ? "Retain" : "Delete", whenScaled: "Retain" },
      selector: { matchLabels: { ...selector(stack, workload.name) } },
      updateStrategy: { type: "RollingUpdate" },
      template: template(args),
      volumeClaimTemplates: workload.volumes.map((volume) => ({
        metadata: {
          name: volume.name,
          labels: { ...selector(stack, workload.name), ...dataLabels(workload) },
        },
        spec: {
          accessModes: ["ReadWriteOnce"],
          volumeMode: "Filesystem",
          ...(storageClass !== null && { storageClassName: storageClass }),
          resources: { requests: { storage: mebibytes(volume.sizeBytes) } },
        },
      })),
    },
  };
}

const dataLabels = ({ service }: WorkloadModel): Labels => ({
  "datalab.service": service,
  "datalab.role": "data",
});

/** What runs to its end, once per change of its content. */
export function job(args: WorkloadArgs): k8s.batch.v1.JobArgs {
  return {
    // A failed one is made again by the next up.
    metadata: metadata(args, args.workload.name, { "pulumi.com/replaceUnready": "true" }),
    spec: {
      backoffLimit: 2,
      activeDeadlineSeconds: 900,
      completions: 1,
      parallelism: 1,
      template: { ...template(args), spec: { ...args.pod, restartPolicy: "Never" } },
    },
  };
}

/** The name that others reach it by; null: nobody does. */
export function service(args: WorkloadArgs): k8s.core.v1.ServiceArgs | null {
  const { stack, workload } = args;
  const ports = servicePorts(workload);
  if (ports.length === 0) return null;
  return {
    metadata: metadata(args, workload.name, skipAwait),
    spec: {
      type: "ClusterIP",
      selector: { ...selector(stack, workload.name) },
      ports: ports.map(({ name, port }) => ({ name, port, targetPort: port, protocol: "TCP" })),
    },
  };
}

/** The name with an address per replica, for what reads each of them. */
export function everyService(args: WorkloadArgs): k8s.core.v1.ServiceArgs | null {
  const plain = service(args);
  if (!plain || !isSeveral(args.workload)) return null;
  return {
    metadata: metadata(args, everyPod(args.workload.name), skipAwait),
    spec: { ...(plain.spec as k8s.types.input.core.v1.ServiceSpec), clusterIP: "None" },
  };
}

/** Whether it works is asked of the workload itself; a Service has nothing to wait for. */
const skipAwait: Labels = { "pulumi.com/skipAwait": "true" };

/**
 * Ports that a workload listens on, each once: endpoints may share one. A gateway listens where the others
 * are published.
 */
export function servicePorts(workload: WorkloadModel): { readonly name: string; readonly port: number }[] {
  const found = new Map<number, string>();
  for (const { name, port } of workload.endpoints) if (!found.has(port)) found.set(port, name);
  for (const { internal } of workload.ports) {
    if (!found.has(internal)) found.set(internal, `port-${internal}`);
  }
  return [...found].map(([port, name]) => ({ name: portName(name), port }));
}

/** Names of ports have 15 characters at most. */
const portName = (name: string): string => name.slice(0, 15).replace(/-+$/, "");

/** A drain of a node takes one of them at a time. */
export function disruptionBudget(args: WorkloadArgs): k8s.policy.v1.PodDisruptionBudgetArgs {
  const { stack, workload } = args;
  return {
    metadata: metadata(args),
    spec: { maxUnavailable: 1, selector: { matchLabels: { ...selector(stack, workload.name) } } },
  };
}

/** Quick to grow, slow to shrink. */
export function autoscaler(args: WorkloadArgs): k8s.autoscaling.v2.HorizontalPodAutoscalerArgs | null {
  const { scale, name, milliCpu } = args.workload;
  if (!scale) return null;
  // Of its share: a request may be a fraction of that.
  const averageValue = cpu(Math.round((milliCpu * scale.cpuPercent) / 100));
  return {
    metadata: metadata(args, name, skipAwait),
    spec: {
      scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name },
      minReplicas: scale.min,
      maxReplicas: scale.max,
      metrics: [
        {
          type: "Resource",
          resource: { name: "cpu", target: { type: "AverageValue", averageValue } },
        },
      ],
      behavior: {
        scaleDown: {
          stabilizationWindowSeconds: 60,
          policies: [{ type: "Pods", value: 1, periodSeconds: 30 }],
        },
      },
    },
  };
}
