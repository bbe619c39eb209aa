import { setTimeout as sleep } from "node:timers/promises";
import { labelNames } from "../model/names.ts";
import { type DockerApi, DockerError, filters } from "./docker.ts";

/** One of the stack's containers, as Docker said it last. */
export interface Container {
  readonly id: string;
  readonly name: string;
  readonly service: string;
  readonly workload: string;
  readonly oneShot: boolean;
  /** created, running, restarting, exited, ... */
  readonly state: string;
  readonly running: boolean;
  readonly restarts: number;
  readonly startedAt: string;
  readonly exitCode: number;
  /** null: it has no probe. */
  readonly healthy: boolean | null;
  readonly memoryLimit: number;
  /** Times that the kernel ended it, or a process in it, for want of memory, as far as the agent has seen. */
  readonly oomKills: number;
}

export interface ContainerListener {
  /** A container is there, or has started again. */
  readonly onRun?: (container: Container) => void;
  readonly onGone?: (id: string) => void;
}

interface Inspected {
  readonly Id: string;
  readonly Name: string;
  readonly RestartCount: number;
  readonly Config: { readonly Labels: Readonly<Record<string, string>> | null };
  readonly HostConfig: { readonly Memory: number };
  readonly State: {
    readonly Status: string;
    readonly Running: boolean;
    readonly OOMKilled: boolean;
    readonly StartedAt: string;
    readonly ExitCode: number;
    readonly Health?: { readonly Status: string } | null;
  };
}

interface DockerEvent {
  readonly Action: string;
  readonly Actor: { readonly ID: string };
}

/** Probes make an event every few seconds; those are not asked for. */
const actions = ["create", "start", "die", "oom", "destroy", "rename", "update", "health_status"];
const relistMs = 60_000;

/** Knows all containers of a stack, by Docker's events. What serves a workload without being one is left out. */
export class Containers {
  readonly #docker: DockerApi;
  readonly #stack: string;
  readonly #log: (line: string) => void;
  readonly #known = new Map<string, Container>();
  readonly #listeners: ContainerListener[] = [];
  #ready = false;

  constructor(docker: DockerApi, stack: string, log: (line: string) => void) {
    this.#docker = docker;
    this.#stack = stack;
    this.#log = log;
  }

  /** Whether Docker's events are being followed. */
  get ready(): boolean {
    return this.#ready;
  }

  get all(): readonly Container[] {
    return [...this.#known.values()];
  }

  has(id: string): boolean {
    return this.#known.has(id);
  }

  listen(listener: ContainerListener): void {
    this.#listeners.push(listener);
  }

  /** Follows Docker until the signal aborts, whatever happens to the daemon. */
  async run(signal: AbortSignal): Promise<void> {
    let troubled = false;
    while (!signal.aborted) {
      try {
        await this.#follow(signal, () => {
          if (troubled) this.#log("Docker answers again");
          troubled = false;
        });
      } catch (error) {
        if (signal.aborted) return;
        if (!troubled) this.#log(`Docker's events can't be read: ${(error as Error).message}`);
        troubled = true;
      }
      await sleep(1_000, undefined, { signal }).catch(() => {});
    }
  }

  async #follow(signal: AbortSignal, onReady: () => void): Promise<void> {
    const label = [`${labelNames.stack}=${this.#stack}`];
    const wanted = filters({ type: ["container"], label, event: actions });
    // Events first, the list second: nothing falls between them.
    const events = await this.#docker.stream(`/events?${wanted}`, signal);
    await this.#list();
    this.#ready = true;
    onReady();
    const timer = setInterval(() => void this.#list().catch(() => {}), relistMs);
    try {
      let rest = "";
      for await (const chunk of events.setEncoding("utf8")) {
        const lines = `${rest}${chunk}`.split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) if (line !== "") await this.#take(JSON.parse(line) as DockerEvent);
      }
    } finally {
      clearInterval(timer);
      this.#ready = false;
    }
  }

  async #list(): Promise<void> {
    const wanted = filters({ label: [`${labelNames.stack}=${this.#stack}`] });
    const listed = await this.#docker.json<{ Id: string; Labels: Record<string, string> }[]>(
      "GET",
      `/containers/json?all=true&${wanted}`,
    );
    const ids = listed.filter(({ Labels }) => Labels[labelNames.workload]).map(({ Id }) => Id);
    for (const id of this.#known.keys()) if (!ids.includes(id)) this.#forget(id);
    for (const id of ids) await this.#look(id);
  }

  async #take({ Action, Actor }: DockerEvent): Promise<void> {
    if (Action === "destroy") this.#forget(Actor.ID);
    else await this.#look(Actor.ID, Action);
  }

  async #look(id: string, action?: string): Promise<void> {
    let found: Inspected;
    try {
      found = await this.#docker.json<Inspected>("GET", `/containers/${id}/json`);
    } catch (error) {
      if (error instanceof DockerError && error.status === 404) return this.#forget(id);
      throw error;
    }
    const before = this.#known.get(id);
    const container = toContainer(found, before, action === "oom");
    if (!container) return;
    this.#known.set(id, container);
    if (!before || action === "start") for (const { onRun } of this.#listeners) onRun?.(container);
  }

  #forget(id: string): void {
    if (!this.#known.delete(id)) return;
    for (const { onGone } of this.#listeners) onGone?.(id);
  }
}

function toContainer(found: Inspected, before: Container | undefined, oom: boolean): Container | undefined {
  const { State, Config } = found;
  const workload = Config.Labels?.[labelNames.workload];
  if (!workload) return undefined;
  const health = State.Health?.Status;
  return {
    id: found.Id,
    name: found.Name.replace(/^\//, ""),
    service: Config.Labels?.[labelNames.service] ?? "",
    workload,
    oneShot: Config.Labels?.[labelNames.oneShot] === "true",
    state: State.Status,
    running: State.Running,
    restarts: found.RestartCount,
    startedAt: State.StartedAt,
    exitCode: State.ExitCode,
    healthy: health === undefined || health === "none" || health === "" ? null : health === "healthy",
    memoryLimit: found.HostConfig.Memory,
    oomKills: before ? before.oomKills + (oom ? 1 : 0) : State.OOMKilled ? 1 : 0,
  };
}
