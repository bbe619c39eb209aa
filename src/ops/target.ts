/** What the operations ask of a target: types alone. `targets.ts` has the record of each target. */
import type { Readable, Writable } from "node:stream";
import type { Environment } from "../model/environment.ts";
import type { DeploymentTarget, PlatformModel } from "../model/platform.ts";
import type { PlatformOutput } from "../outputs/platform.ts";
import type { Ran } from "./process.ts";
import type { LockPlace } from "./shared-lock.ts";
import type { StateResource } from "./state-resource.ts";
import type { StoreHost } from "./store-host.ts";

/** All that the operations need of one target. */
export interface TargetOperations {
  host(target: DeploymentTarget, timeouts: Timeouts): Promise<Host>;
  runtime(platform: PlatformOutput): Promise<Runtime>;
  /** Where all who reach the stack agree on who changes it; undefined: the place is not there yet. */
  lock(target: DeploymentTarget): Promise<LockPlace | undefined>;
  /** What differs beyond what the engine's refresh sees, and what is there that the state does not hold. */
  drift(stack: string, state: readonly StateResource[], host: Host): Promise<readonly DriftItem[]>;
  /** Fetches images of a registry to where they run; absent: the nodes of a cluster do it themselves. */
  fetchImages?(model: PlatformModel, options: FetchOptions): Promise<void>;
}

export interface FetchOptions {
  readonly onProgress: (line: string) => void;
  readonly signal: AbortSignal;
}

/** A workload that ended and did not come back, or can't begin. */
export interface WorkloadFailure {
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
  /** absent: nothing says whose it is. */
  readonly owner?: Owner;
  readonly name: string;
  readonly service: string;
  /** null: not known, or not asked for. */
  readonly bytes: number | null;
}

/** Whose something is, by its labels. */
export interface Owner {
  readonly installation: string;
  /** Where that installation was made; absent: not known. */
  readonly origin?: string;
}

/** Something of a stack on a target. */
export interface StackObject {
  /** absent: nothing says whose it is. */
  readonly owner?: Owner;
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

/** What bringing a stack up and taking it down asks of the place where it runs. Each target has one. */
export interface Host {
  /** Where the core will answer; undefined when it is not published. */
  coreUrl(model: PlatformModel): string | undefined;
  /**
   * Throws one ConfigError with all that the place lacks: on one host free ports, in a cluster what the stack
   * names there.
   */
  checkTarget(model: PlatformModel, environment: Environment): Promise<void>;
  /** Resolves with the first workload that can't start, or with undefined when the signal aborts. */
  watchFailures(stack: string, update: UpdateView, signal: AbortSignal): Promise<WorkloadFailure | undefined>;
  /** Why a workload that the engine gave up on does not run; undefined where the engine has said it all. */
  diagnose(stack: string, workload: string): Promise<WorkloadFailure | undefined>;
  /**
   * Starts what `services stop` has stopped, for to the engine it is as it should be; returns the names of
   * its services.
   */
  startStopped(stack: string): Promise<readonly string[]>;
  /** How many steps of the engine it does well at once; absent: the engine's usual. */
  readonly parallel?: number;
  /**
   * Stops what runs of a stack, in order, and removes all that holds no data; absent: the engine does so as
   * fast.
   */
  removeObjects?(stack: string): Promise<void>;
  /**
   * Whether something is gone that the engine takes for there unless it looks; absent: it is told by other
   * means.
   */
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

export interface Timeouts {
  /** How long what was removed from a cluster may take to be gone; on one host it is gone at once. */
  readonly goneSeconds?: number;
}

/** What the CLI does where the platform runs. Each target has one. */
export interface Runtime {
  /** Runs a command inside a running workload, with the environment the workload has. */
  exec(instance: string, command: readonly string[], options: ExecOptions): Promise<Ran>;
  /** Hands over the log of a workload, oldest line first; with `follow` until the signal aborts. */
  logs(instance: string, options: LogOptions, onLine: (line: LogLine) => void): Promise<void>;
  /** What the target itself says about the workloads of a stack. */
  instances(stack: string): Promise<readonly Instance[]>;
  /** Whose is what runs under this name; what says nothing of its owner is left out. */
  owners(stack: string): Promise<readonly Owner[]>;
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
  /**
   * Whether it is waited for is up to the caller, not to a Ctrl-C: aborted, it is waited for no longer. What
   * runs there may go on.
   */
  readonly signal?: AbortSignal;
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

/** Folders of people that a workload makes for them, each a volume of its own. */
export interface Homes {
  readonly stack: string;
  readonly service: string;
  readonly workload: string;
  /** What the target calls the workload. */
  readonly instance: string;
  /** What the part calls those who work in them. */
  readonly key: string;
  /** Where one is mounted. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly storageClass: string | null;
}

/** What saving people's files asks of the place where the stack runs. */
export interface HomeHost {
  /** Whose there are, as the place writes their names. */
  list(homes: Homes): Promise<string[]>;
  /**
   * Opens one. Where there is none it is made as its service would, or else E_HOME_GONE is thrown.
   */
  open(homes: Homes, name: string, options: { readonly make: boolean }): Promise<OpenVolume>;
}

/** A volume with something beside the stack that runs commands on it. */
export interface OpenVolume {
  /** Runs one of the workload's image, with the volume where it always is. */
  run(command: readonly string[], options?: ExecOptions): Promise<Ran>;
  close(): Promise<void>;
}

/** How something differs from what the program has made. */
export type DriftWhat = "missing" | "stopped" | "changed" | "unknown" | "foreign";

export interface DriftItem {
  readonly what: DriftWhat;
  /** In the target's words: `container`, `volume`, `Deployment`. */
  readonly kind: string;
  readonly name: string;
  readonly details: string;
  /** What puts it right: an up, its replacement, its removal, or people. */
  readonly repair: "up" | "replace" | "remove" | "people";
  /** Of the resource that it is about, where it is in the state. */
  readonly urn: string | null;
}

export interface Timeouts {
  /** How long what was removed from a cluster may take to be gone; on one host it is gone at once. */
  readonly goneSeconds?: number;
}
