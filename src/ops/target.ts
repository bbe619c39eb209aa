import type { Environment } from "../config/load.ts";
import type { PlatformModel } from "../model/platform.ts";
import type { StoreHost } from "./store-host.ts";

/** A workload that ended and did not come back, or can't begin. */
export interface Death {
  readonly instance: string;
  readonly workload: string;
  /** null: its process never began. */
  readonly exitCode: number | null;
  /** Its last log lines. */
  readonly log: string;
  /** Why it is taken for dead, where the target says more than an exit code: `its image can't be pulled`. */
  readonly reason?: string;
  /** What the target says of it, oldest first. */
  readonly events?: readonly string[];
  /** The command that shows more. */
  readonly more: string;
}

/** What is known of an update while it goes on. */
export interface UpdateView {
  isHealthy(workload: string): boolean | Promise<boolean>;
  /** Whether the engine has made all its changes. */
  isDeployed(): boolean;
}

export interface KeptVolume {
  readonly name: string;
  readonly service: string;
  /** null: not known, or not asked for. */
  readonly bytes: number | null;
}

/** Something of a stack on a target. */
export interface StackObject {
  /** In the target's words: `container`, `network`, `Deployment`. */
  readonly kind: string;
  readonly name: string;
}

/** What carries a stack's labels on a target. */
export interface Inventory {
  /** Everything that holds no data. */
  readonly objects: readonly StackObject[];
  readonly volumes: readonly KeptVolume[];
}

/** A one-shot that did not end well, as the engine knows it. */
export interface FailedOneShot {
  readonly workload: string;
  /** The engine's type of it; undefined: everything of the workload's name. */
  readonly type?: string;
}

/** Where a stack runs, which a host is made for. */
export type Site = Pick<PlatformModel, "stack" | "target" | "cluster">;

/** What bringing a stack up and taking it down asks of the place where it runs. Each target has one. */
export interface Host {
  /** Where the core will answer; undefined when it is not published. */
  coreUrl(model: PlatformModel): string | undefined;
  /** Throws one ConfigError with all that the place lacks: on one host free ports, in a cluster what the stack names there. */
  checkPlace(model: PlatformModel, environment: Environment): Promise<void>;
  /** Resolves with the first workload that can't start, or with undefined when the signal aborts. */
  watchDeaths(stack: string, update: UpdateView, signal: AbortSignal): Promise<Death | undefined>;
  /** Why a workload that the engine gave up on does not run; undefined where the engine has said it all. */
  whyNot(stack: string, workload: string): Promise<Death | undefined>;
  /** Starts what `services stop` has stopped, for to the engine it is as it should be; returns the names of its services. */
  startStopped(stack: string): Promise<readonly string[]>;
  /** How many steps of the engine it does well at once; absent: the engine's usual. */
  readonly parallel?: number;
  /** Stops what runs of a stack, in order, and removes all that holds no data; absent: the engine does so as fast. */
  removeObjects?(stack: string): Promise<void>;
  /** Whether something is gone that the engine takes for there unless it looks; absent: it is told by other means. */
  isIncomplete?(model: PlatformModel): Promise<boolean>;
  /** Ends one-shots that the engine is waiting for, so that it ends too. */
  stopOneShots(stack: string): Promise<void>;
  /** Workloads of one-shots that did not end well: the engine takes them for done, so they are replaced. */
  failedOneShots(stack: string): Promise<readonly FailedOneShot[]>;
  /** `sizes: false` spares measuring the volumes, which takes seconds on a full host. */
  inventory(stack: string, options?: { readonly sizes: boolean }): Promise<Inventory>;
  /** What lies in the stack's own place without its labels; absent: the target's drift sees to it. */
  foreign?(): Promise<readonly StackObject[]>;
  /** Names of what services have started themselves, such as notebooks. */
  spawned(stack: string): Promise<readonly string[]>;
  /** Removes them, for while one runs the stack can't go; returns their names. */
  removeSpawned(stack: string): Promise<readonly string[]>;
  /** Removes objects of the stack that the engine does not know. */
  removeLeftovers(objects: readonly StackObject[]): Promise<void>;
  /** Removes data, and then whatever was only there for it. */
  removeVolumes(names: readonly string[]): Promise<void>;
  /** Moves the objects of a stack from one engine to another. */
  readonly stores: StoreHost;
}

export interface Patience {
  /** How long what was removed from a cluster may take to be gone; on one host it is gone at once. */
  readonly goneSeconds?: number;
}

/** The one place that knows which target is deployed to what. */
const hosts: Record<PlatformModel["target"], (site: Site, patience: Patience) => Promise<Host>> = {
  docker: async () => (await import("./docker/host.ts")).dockerHost,
  kubernetes: inCluster,
  aws: inCluster,
};

async function inCluster(site: Site, patience: Patience): Promise<Host> {
  return (await import("./kubernetes/host.ts")).kubernetesHost(site, patience);
}

export const hostOf = (site: Site, patience: Patience = {}): Promise<Host> =>
  hosts[site.target](site, patience);
