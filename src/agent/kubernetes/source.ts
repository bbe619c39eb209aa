import { type Container, Containers } from "../containers.ts";
import { type Line, timeStamp } from "../lines.ts";
import { type ContainerSource, LogGone, type LogPiece } from "../source.ts";
import { type KubernetesApi, KubernetesError, queryOf } from "./api.ts";
import { chunksOf, IdleTimeout } from "./follow.ts";
import { LogLines } from "./log-lines.ts";
import type { PodContainer } from "./pod.ts";
import { Pods } from "./pods.ts";
import { PodUsage } from "./usage.ts";

export interface KubernetesSourceOptions {
  readonly api: KubernetesApi;
  readonly namespace: string;
  readonly stack: string;
  readonly log: (line: string) => void;
  readonly retryMs?: number;
}

/** The containers of a stack's pods in one namespace. */
export class KubernetesSource implements ContainerSource {
  readonly name = "Kubernetes";
  readonly containers = new Containers<PodContainer>();
  /** The kubelet looks once a second, and may be slow to tell. */
  readonly lagMs = 10_000;
  readonly #options: KubernetesSourceOptions;
  readonly #pods: Pods;
  readonly #usage: PodUsage;
  readonly #said = new Set<string>();
  /** By container. */
  readonly #idleTimeouts = new Map<string, IdleTimeout>();

  constructor(options: KubernetesSourceOptions) {
    this.#options = options;
    this.#pods = new Pods({ ...options, containers: this.containers });
    this.#usage = new PodUsage({ ...options, containers: this.containers });
    this.containers.listen({ onGone: (id) => void this.#idleTimeouts.delete(id) });
  }

  get measures(): boolean {
    return this.#usage.available;
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#pods.run(signal);
  }

  /** The kubelet keeps the log of the container that ran before, and that of the one that runs. */
  log({ id }: Container): readonly LogPiece[] {
    const container = this.containers.get(id);
    if (!container || container.instance === "") return [];
    const piece =
      (previous: boolean): LogPiece =>
      (from, signal) =>
        this.#lines(container, previous, from, signal);
    return container.restarts > 0 ? [piece(true), piece(false)] : [piece(false)];
  }

  usage() {
    return this.#usage.now();
  }

  /** What claims hold is the kubelet's to know, and it tells only who may see whole nodes. */
  volumes() {
    return new Map();
  }

  async *#lines(
    container: PodContainer,
    previous: boolean,
    from: bigint,
    signal: AbortSignal,
  ): AsyncIterable<readonly Line[]> {
    const { api, namespace } = this.#options;
    const query = queryOf({
      container: container.inner,
      timestamps: "true",
      ...(previous ? { previous: "true" } : { follow: "true" }),
      // Whole seconds: more is dropped on the way to the kubelet.
      sinceTime: from > 0n ? `${timeStamp(from).slice(0, 19)}Z` : undefined,
    });
    const path = `/api/v1/namespaces/${namespace}/pods/${container.pod}/log${query}`;
    const answer = await api.stream(path, signal).catch((error: Error) => {
      if (!(error instanceof KubernetesError)) throw error;
      if (error.status === 404) throw new LogGone(error.message);
      // The kubelet has removed it.
      if (previous && error.status === 400) return undefined;
      this.#say(`log of ${container.name} can't be read: ${error.message}`);
      throw error;
    });
    if (!answer) return;
    const lines = new LogLines((text) => this.#say(`instead of a line of ${container.name}: ${text}`));
    const idleTimeout = this.#idleTimeoutOf(container.id);
    for await (const chunk of chunksOf(answer, idleTimeout)) {
      const taken = lines.take(chunk);
      idleTimeout.came(taken, chunk.length);
      yield taken;
    }
    // A connection that broke may look like an end: the line comes again, whole.
    const now = this.containers.get(container.id);
    if (previous || !now?.running || now.instance !== container.instance) yield lines.end();
  }

  #idleTimeoutOf(id: string): IdleTimeout {
    const idleTimeout = this.#idleTimeouts.get(id) ?? new IdleTimeout();
    if (this.containers.has(id)) this.#idleTimeouts.set(id, idleTimeout);
    return idleTimeout;
  }

  /** Once each: an agent that reads its own log must not answer itself. */
  #say(text: string): void {
    if (this.#said.has(text)) return;
    if (this.#said.size >= 100) this.#said.clear();
    this.#said.add(text);
    this.#options.log(text);
  }
}
