import { joinName, labelNames, spawnedRole, stackName } from "../../model/names.ts";

/** Labels and names of what the program makes in a cluster. */

export type Labels = Readonly<Record<string, string>>;

/** The one container of every pod. */
export const containerName = "main";
/** Where pods find their files and secret variables, the same as on Docker. */
export const filesPath = "/run/datalab";
/** uid and gid of every image. */
export const user = 10001;

const common = (stack: string): Labels => ({
  [labelNames.stack]: stack,
  "app.kubernetes.io/part-of": "datalab",
  "app.kubernetes.io/instance": stackName(stack),
  "app.kubernetes.io/managed-by": "pulumi",
});

/** Of what belongs to the whole stack. */
export const stackLabels = common;

export const workloadLabels = (stack: string, owner: { name: string; service: string }): Labels => ({
  ...common(stack),
  [labelNames.service]: owner.service,
  [labelNames.workload]: owner.name,
  "app.kubernetes.io/name": owner.name,
});

/** Of pods that a workload starts by itself. */
export const spawnedLabels = (stack: string, owner: { name: string; service: string }): Labels => ({
  ...workloadLabels(stack, owner),
  [labelNames.role]: spawnedRole,
  "app.kubernetes.io/managed-by": owner.service,
});

/** What finds the pods of a workload. */
export const selector = (stack: string, workload: string): Labels => ({
  [labelNames.stack]: stack,
  [labelNames.workload]: workload,
});

/**
 * Ranks of pods: what a full node lets go first. Priority classes belong to no namespace, so the stack is in
 * the name.
 */
export const ranks = { data: 1000, service: 900, batch: 100 } as const;
export type Rank = keyof typeof ranks;
export const priorityClass = (stack: string, rank: Rank): string => joinName("datalab", stack, rank);

/** The name with an address per replica. */
export const everyPod = (workload: string): string => joinName(workload, "every");
/** The claim that a StatefulSet makes of a template for its first and only pod. */
export const claimName = (workload: string, volume: string): string => `${volume}-${workload}-0`;
/** File of an owner that holds the template of what it spawns. */
export const spawnFile = (key: string): string => `spawn-${key}.json`;
