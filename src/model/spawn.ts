import type { Needs } from "./needs.ts";
import type { Text } from "./refs.ts";
import type { PartContext } from "./service.ts";

/**
 * Pods that a part starts through the cluster's API: flow runs, executors, notebooks. The target gives the part the
 * right to, and a complete pod template as /run/datalab/spawn-<name>.json, with confinement, limits, labels, files and
 * environment in place: the part fills in what differs from pod to pod. They may reach what the part may reach, and it.
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
  readonly home?: { readonly path: string; readonly size: string };
  /** Ports that the part, and others of the stack that are named, reach them at. */
  readonly ports?: readonly { readonly port: number; readonly from: readonly string[] }[];
  /** How many may run at once: what the quota of the stack is made for. */
  readonly atMost: (ctx: PartContext<N, O>) => number;
}
