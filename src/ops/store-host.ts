import type { VolumeModel, WorkloadModel } from "../model/platform.ts";

/** What moving a stack's objects from one engine to another asks of the place where the stack runs. */
export interface StoreHost {
  /** Plain variables of a workload as it is deployed; undefined: it is not there. */
  environment(
    stack: string,
    workload: string,
  ): Promise<Readonly<Record<string, string | undefined>> | undefined>;
  hasVolume(stack: string, workload: string, volume: string): Promise<boolean>;
  /** Runs a shell script with one of the workload's volumes, and gives back what it prints. */
  onVolume(
    instance: Pick<StoreInstance, "stack" | "workload" | "image">,
    volume: Pick<VolumeModel, "name" | "path">,
    script: string,
  ): Promise<string>;
  /** Starts an engine on its own volumes where nothing of the stack reaches it; ready when it resolves. */
  start(instance: StoreInstance): Promise<RunningStore>;
  stopInstance(stack: string, workload: string): Promise<void>;
  /** Resolves with whether there was one to start. */
  startInstance(stack: string, workload: string): Promise<boolean>;
  isRunning(stack: string, workload: string): Promise<boolean>;
  /**
   * What the place calls a volume, and the command that removes it; with `paths` only those, for something
   * else is in it too.
   */
  removal(
    stack: string,
    workload: string,
    volume: string,
    paths?: readonly string[],
  ): { readonly volume: string; readonly remove: string };
  /** What a migration that was killed has left running. */
  removeInstances(stack: string): Promise<void>;
}

/** An engine to be run beside the stack, all references answered. */
export interface StoreInstance {
  readonly stack: string;
  /** The engine's name. */
  readonly name: string;
  readonly workload: WorkloadModel;
  readonly image: string;
  readonly command: readonly string[];
  /** Nothing secret. */
  readonly env: Readonly<Record<string, string>>;
  /** Secret variables too, as the file `env`. */
  readonly files: Readonly<Record<string, string>>;
  readonly probe: readonly string[];
  /** The S3 port inside. */
  readonly port: number;
}

export interface RunningStore {
  /** As reached from this machine. */
  readonly url: string;
  stop(): Promise<void>;
}
