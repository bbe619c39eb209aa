import type { Needs } from "./needs.ts";
import type { PartContext } from "./part-context.ts";
import type { Text } from "./refs.ts";

/**
 * Pods that a part starts through the cluster's API: flow runs, executors, notebooks. The target gives the part the
 * right to, and a complete pod template as /run/datalab/spawn-<name>.json, with confinement, limits, labels, files and
 * environment in place: the part fills in what differs from pod to pod. They may reach what their own environment and files name,
 * and the part.
 */
export interface Spawn<N extends Needs = Needs, O = unknown> {
  /** What they are, in a few words. */
  readonly summary: string;
  readonly image: string;
  readonly env?: (ctx: PartContext<N, O>) => Readonly<Record<string, Text>>;
  readonly files?: (ctx: PartContext<N, O>) => Readonly<Record<string, Text>>;
  /** Limits of one of them. */
  readonly resources: (ctx: PartContext<N, O>) => { readonly cpu: string; readonly memory: string };
  /** Size of /tmp. @default "64Mi" */
  readonly tmp?: string;
  /** `Job`: the part makes Jobs of them; `Pod`: bare pods. @default "Pod" */
  readonly kind?: "Job" | "Pod";
  /** They keep a volume each: mounted here, made by the part as a claim. */
  readonly home?: (ctx: PartContext<N, O>) => { readonly path: string; readonly size: string };
  /** What they may write to the disk of their node, logs included. @default "1Gi" */
  readonly disk?: string;
  /** The part makes a Secret for each of them, with what only that one knows. */
  readonly ownSecrets?: boolean;
  /** Ports of theirs, and who reaches them there: workloads, or what these spawn. */
  readonly ports?: readonly { readonly port: number; readonly from: readonly string[] }[];
  /** How many may run at once: what the quota of the stack is made for. */
  readonly atMost: (ctx: PartContext<N, O>) => number;
}
