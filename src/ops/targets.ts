import type { Readable, Writable } from "node:stream";
import type { PlatformOutput } from "../outputs/platform.ts";
import type { HomeHost } from "./homes.ts";
import type { Ran } from "./process.ts";

/** What the CLI does where the platform runs. Each target has one. */
export interface Runtime {
  /** Runs a command inside a running workload, with the environment the workload has. */
  exec(instance: string, command: readonly string[], options: ExecOptions): Promise<Ran>;
  /** Hands over the log of a workload, oldest line first; with `follow` until the signal aborts. */
  logs(instance: string, options: LogOptions, onLine: (line: LogLine) => void): Promise<void>;
  /** What the target itself says about the workloads of a stack. */
  instances(stack: string): Promise<readonly Instance[]>;
  /** Starts what was stopped. Throws when there is nothing of this name, or it can't start. */
  start(instance: string): Promise<void>;
  /** Runs a one-shot again. Throws when it does not end well. */
  rerun(instance: string): Promise<void>;
  /** Asks it to end, and ends it after the grace. What does not run is left alone. */
  stop(instance: string, graceSeconds: number): Promise<void>;
  /** Opens folders of people, to save them and to bring them back. */
  readonly homes: HomeHost;
}

export interface ExecOptions {
  /** Standard input of the command. */
  readonly input?: string | Readable;
  /** Gets its standard output instead of the result's `stdout`, and is ended with it. */
  readonly output?: Writable;
  readonly onError?: (line: string) => void;
  /** It is waited for no longer than this. @default for ever */
  readonly timeoutSeconds?: number;
}

export interface LogOptions {
  readonly follow: boolean;
  /** How many of the last lines; undefined: all. */
  readonly tail?: number;
  /** A duration such as 10m, or a time. */
  readonly since?: string;
  readonly signal: AbortSignal;
}

export interface LogLine {
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly stream: "stdout" | "stderr";
  readonly line: string;
}

export interface Instance {
  readonly name: string;
  readonly service: string;
  readonly workload: string;
  readonly oneShot: boolean;
  readonly ok: boolean;
  /** It was stopped on purpose: whatever ends by itself is started again, or runs once. */
  readonly stopped: boolean;
  /** Such as `running`, `running (unhealthy)`, `exited with 1`. */
  readonly state: string;
}

/** The one place that knows which target is served by what. */
const runtimes: Record<PlatformOutput["target"], (platform: PlatformOutput) => Promise<Runtime>> = {
  docker: async () => (await import("./docker/runtime.ts")).dockerRuntime,
  kubernetes: inCluster,
  aws: inCluster,
};

async function inCluster(platform: PlatformOutput): Promise<Runtime> {
  return (await import("./kubernetes/runtime.ts")).kubernetesRuntime(platform);
}

/** How to reach into the platform on the target it runs on. */
export const runtimeOf = (platform: PlatformOutput): Promise<Runtime> => runtimes[platform.target](platform);
