import { setTimeout as sleep } from "node:timers/promises";
import { labelNames } from "../../model/names.ts";
import type { Container, Containers } from "../containers.ts";
import { type DockerApi, DockerError, filters } from "./api.ts";

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

/**
 * Keeps the list of a stack's containers by Docker's events. What serves a workload without being one is left
 * out.
 */
export class DockerEvents {
  readonly #docker: DockerApi;
  readonly #stack: string;
  readonly #containers: Containers;
  readonly #log: (line: string) => void;

  constructor(docker: DockerApi, stack: string, containers: Containers, log: (line: string) => void) {
    this.#docker = docker;
    this.#stack = stack;
    this.#containers = containers;
    this.#log = log;
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
    this.#containers.ready = true;
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
      this.#containers.ready = false;
    }
  }

  async #list(): Promise<void> {
    const wanted = filters({ label: [`${labelNames.stack}=${this.#stack}`] });
    const listed = await this.#docker.json<{ Id: string; Labels: Record<string, string> }[]>(
      "GET",
      `/containers/json?all=true&${wanted}`,
    );
    const ids = listed.filter(({ Labels }) => Labels[labelNames.workload]).map(({ Id }) => Id);
    this.#containers.keep(new Set(ids));
    for (const id of ids) await this.#look(id);
  }

  async #take({ Action, Actor }: DockerEvent): Promise<void> {
    if (Action === "destroy") this.#containers.forget(Actor.ID);
    else await this.#look(Actor.ID, Action);
  }

  async #look(id: string, action?: string): Promise<void> {
    let found: Inspected;
    try {
      found = await this.#docker.json<Inspected>("GET", `/containers/${id}/json`);
    } catch (error) {
      if (error instanceof DockerError && error.status === 404) return this.#containers.forget(id);
      throw error;
    }
    const container = toContainer(found, this.#containers.get(id), action === "oom");
    if (container) this.#containers.put(container);
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
    instance: Date.parse(State.StartedAt) > 0 ? State.StartedAt : "",
    restarts: found.RestartCount,
    startedAt: State.StartedAt,
    exitCode: State.ExitCode,
    healthy: health === undefined || health === "none" || health === "" ? null : health === "healthy",
    memoryLimit: found.HostConfig.Memory,
    oomKills: before ? before.oomKills + (oom ? 1 : 0) : State.OOMKilled ? 1 : 0,
  };
}
