import type { Needs } from "./needs.ts";
import type { PartContext } from "./part-context.ts";
import type { Text } from "./refs.ts";

/**
 * Pods that a part starts through the cluster's API: flow runs, executors, notebooks. The target gives the
 * part the rights, and a complete pod template in /run/datalab/spawn-<name>.json with confinement, limits,
 * labels, files and environment. The part fills in what differs per pod. The pods may connect to what their
 * own environment and files name, and to the part.
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
  /** Each has a volume, mounted here; the part creates it as a claim. */
  readonly home?: (ctx: PartContext<N, O>) => { readonly path: string; readonly size: string };
  /** Maximum data on the node's disk, logs included. @default "1Gi" */
  readonly disk?: string;
  /** The part creates a Secret for each of them. */
  readonly ownSecrets?: boolean;
  /** Their ports, and the workloads, or spawned pods, that may connect. */
  readonly ports?: readonly { readonly port: number; readonly from: readonly string[] }[];
  /** Maximum number at once; the stack's quota is computed from it. */
  readonly atMost: (ctx: PartContext<N, O>) => number;
}
