import type * as k8s from "@pulumi/kubernetes";
import type { ProbeModel } from "../../model/platform.ts";
import { containerName, filesPath, type Labels, user } from "./names.ts";
import { probes } from "./probes.ts";
import { amounts, mebibytes, type Size } from "./resources.ts";

type PodSpec = k8s.types.input.core.v1.PodSpec;
type Container = k8s.types.input.core.v1.Container;
type Volume = k8s.types.input.core.v1.Volume;

/** What a pod is made of: of a workload, or of what a workload spawns. */
export interface PodArgs extends Size {
  /** What it may write to the disk of its node, logs included. @default "1Gi" */
  readonly diskBytes?: number;
  readonly image: string;
  /** Arguments of the image's own entry point; undefined: whoever starts it says. */
  readonly args?: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Variables that the pod learns of itself. */
  readonly fieldEnv?: Readonly<Record<string, string>>;
  readonly tmpBytes: number;
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly probe: ProbeModel | null;
  readonly stopGraceSeconds: number;
  /** Whether requests may still come for a moment after it was told to end. */
  readonly serves: boolean;
  readonly serviceAccount: string;
  /** Whether it speaks with the cluster. */
  readonly apiToken: boolean;
  readonly priorityClass: string;
  readonly pullSecrets: readonly string[];
  readonly cpuOvercommit: number;
  /** Sources of /run/datalab; empty: it has none. */
  readonly files: readonly k8s.types.input.core.v1.VolumeProjection[];
  /** Claims, by name: where each is mounted. */
  readonly mounts: readonly { readonly name: string; readonly mountPath: string }[];
  /** Volumes of those mounts that no claim template makes. */
  readonly volumes: readonly Volume[];
  /** Pods that are to be spread over nodes and zones, found by these labels. */
  readonly spread?: Labels;
}

/** How long a pod goes on serving after it was told to end: proxies learn of it a moment later. */
export const drainSeconds = 5;

/**
 * A pod that fits the `restricted` Pod Security Standard: no root, no privileges, nothing to write but its
 * own folders.
 */
export function podSpec(args: PodArgs): PodSpec {
  const { spread } = args;
  return {
    serviceAccountName: args.serviceAccount,
    automountServiceAccountToken: args.apiToken,
    enableServiceLinks: false,
    priorityClassName: args.priorityClass,
    terminationGracePeriodSeconds: args.stopGraceSeconds + (args.serves ? drainSeconds : 0),
    securityContext: {
      runAsNonRoot: true,
      runAsUser: user,
      runAsGroup: user,
      fsGroup: user,
      fsGroupChangePolicy: "OnRootMismatch",
      seccompProfile: { type: "RuntimeDefault" },
    },
    ...(args.pullSecrets.length > 0 && { imagePullSecrets: args.pullSecrets.map((name) => ({ name })) }),
    ...(spread && {
      topologySpreadConstraints: ["topology.kubernetes.io/zone", "kubernetes.io/hostname"].map(
        (topologyKey) => ({
          topologyKey,
          maxSkew: 1,
          whenUnsatisfiable: "ScheduleAnyway",
          labelSelector: { matchLabels: { ...spread } },
        }),
      ),
    }),
    containers: [container(args)],
    volumes: [
      { name: "tmp", emptyDir: { medium: "Memory", sizeLimit: mebibytes(args.tmpBytes) } },
      ...(args.files.length > 0
        ? [{ name: "files", projected: { defaultMode: 0o440, sources: [...args.files] } }]
        : []),
      ...args.volumes,
    ],
  };
}

function container(args: PodArgs): Container {
  return {
    name: containerName,
    image: args.image,
    imagePullPolicy: "IfNotPresent",
    ...(args.args && { args: [...args.args] }),
    env: [
      ...Object.entries(args.env)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, value]) => ({ name, value })),
      ...Object.entries(args.fieldEnv ?? {}).map(([name, fieldPath]) => ({
        name,
        valueFrom: { fieldRef: { apiVersion: "v1", fieldPath } },
      })),
    ],
    ...(args.ports.length > 0 && {
      ports: args.ports.map((port) => ({ ...port, protocol: "TCP" })),
    }),
    resources: amounts(args, args.cpuOvercommit),
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
      runAsUser: user,
      runAsGroup: user,
      capabilities: { drop: ["ALL"] },
    },
    ...(args.probe && probes(args.probe)),
    ...(args.serves && { lifecycle: { preStop: { sleep: { seconds: drainSeconds } } } }),
    volumeMounts: [
      { name: "tmp", mountPath: "/tmp" },
      ...(args.files.length > 0 ? [{ name: "files", mountPath: filesPath, readOnly: true }] : []),
      ...args.mounts,
    ],
    terminationMessagePath: "/dev/termination-log",
    terminationMessagePolicy: "FallbackToLogsOnError",
  };
}
