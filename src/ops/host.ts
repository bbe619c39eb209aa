import { DatalabError } from "../config/error.ts";
import type { Environment } from "../config/load.ts";
import type { PlatformModel } from "../model/platform.ts";
import type { StoreHost } from "./store-host.ts";

/** A workload that ended and did not come back. */
export interface Death {
  readonly instance: string;
  readonly workload: string;
  readonly exitCode: number;
  /** Its last log lines. */
  readonly log: string;
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

/** What carries a stack's labels on a target. */
export interface Inventory {
  readonly containers: readonly string[];
  readonly networks: readonly string[];
  readonly volumes: readonly KeptVolume[];
}

/** What bringing a stack up and taking it down asks of the place where it runs. Each target has one. */
export interface Host {
  /** Where the core will answer; undefined when it is not published. */
  coreUrl(model: PlatformModel): string | undefined;
  /** Throws one ConfigError when a port that the stack publishes is taken by something else. */
  checkPorts(model: PlatformModel, environment: Environment): Promise<void>;
  /** Resolves with the first workload that can't start, or with undefined when the signal aborts. */
  watchDeaths(stack: string, update: UpdateView, signal: AbortSignal): Promise<Death | undefined>;
  /** Starts what `services stop` has stopped: to the engine it is as it should be. */
  startStopped(stack: string): Promise<void>;
  /** Stops what runs of a stack, in order, while the engine gets ready to remove it; absent: the engine is fast enough. */
  stopInOrder?(stack: string): Promise<void>;
  /** Ends one-shots that the engine is waiting for, so that it ends too. */
  stopOneShots(stack: string): Promise<void>;
  /** Workloads of one-shots that did not end well: the engine takes them for done, so they are replaced. */
  failedOneShots(stack: string): Promise<readonly string[]>;
  /** `sizes: false` spares measuring the volumes, which takes seconds on a full host. */
  inventory(stack: string, options?: { readonly sizes: boolean }): Promise<Inventory>;
  /** Containers that services have started themselves, such as notebooks. */
  spawned(stack: string): Promise<readonly string[]>;
  /** Removes them, for while one runs the stack's network can't go; returns their names. */
  removeSpawned(stack: string): Promise<readonly string[]>;
  /** Removes containers and networks of the stack that the engine does not know. */
  removeLeftovers(inventory: Inventory): Promise<void>;
  removeVolumes(names: readonly string[]): Promise<void>;
  /** Moves the objects of a stack from one engine to another. */
  readonly stores: StoreHost;
}

/** The one place that knows which target is deployed to what. */
const hosts: Partial<Record<PlatformModel["target"], () => Promise<Host>>> = {
  docker: async () => (await import("./docker-host.ts")).dockerHost,
};

export async function hostOf(target: PlatformModel["target"]): Promise<Host> {
  const load = hosts[target];
  if (load) return load();
  throw new DatalabError("E_TARGET", `The target ${target} is not implemented yet.`, {
    hint: `Targets of this version: ${Object.keys(hosts).join(", ")}. Its configuration can be validated already.`,
  });
}
