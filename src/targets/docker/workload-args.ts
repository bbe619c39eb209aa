import type * as docker from "@pulumi/docker";
import type { WorkloadModel } from "../../model/platform.ts";
import type { Values } from "../values.ts";

/** A workload of the model with what its containers are made of. */
export interface WorkloadArgs {
  readonly stack: string;
  /** Labels of everything that the program makes. */
  readonly owner: Readonly<Record<string, string>>;
  readonly workload: WorkloadModel;
  readonly image: string;
  /** The image's tag: what changes when the workload's program does. */
  readonly release: string;
  readonly values: Values;
  readonly network: docker.Network;
  /** Containers that are made before this one, and removed after it. */
  readonly after: readonly docker.Container[];
}
