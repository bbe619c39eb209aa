import { labelNames } from "../../model/names.ts";
import type { Containers } from "../containers.ts";
import type { Usage } from "../source.ts";
import { type KubernetesApi, queryOf } from "./api.ts";
import type { PodContainer } from "./pod.ts";
import { quantity } from "./quantity.ts";

interface PodMetrics {
  readonly metadata: { readonly name: string };
  /** What time the rates are of, such as `15.012s`. */
  readonly window: string;
  readonly containers: readonly {
    readonly name: string;
    readonly usage: { readonly cpu?: string; readonly memory?: string };
  }[];
}

interface Counter {
  /** Seconds of the agent's clock. */
  readonly at: number;
  readonly seconds: number;
}

/**
 * However often it is asked, the metrics API is not asked more often than this: it measures every 15 s
 * itself.
 */
const cacheMs = 5_000;

export interface PodUsageOptions {
  readonly api: KubernetesApi;
  readonly namespace: string;
  readonly stack: string;
  readonly containers: Containers<PodContainer>;
  readonly log: (line: string) => void;
  /** A clock that only goes forward, in milliseconds. @default performance.now */
  readonly now?: () => number;
}

/**
 * What containers use, from the metrics API (metrics-server). It tells cores in use, of the last 15 to 60 s;
 * seconds of CPU time, which rules and dashboards count in, are those added up evenly since the agent has
 * seen the container first.
 */
export class PodUsage {
  /** Whether the metrics API answered when it was asked last. */
  available = true;
  readonly #options: PodUsageOptions;
  readonly #path: string;
  readonly #counters = new Map<string, Counter>();
  #usage: ReadonlyMap<string, Usage> = new Map();
  #at = Number.NEGATIVE_INFINITY;
  #running: Promise<void> | undefined;

  constructor(options: PodUsageOptions) {
    this.#options = options;
    const query = queryOf({ labelSelector: `${labelNames.stack}=${options.stack}` });
    this.#path = `/apis/metrics.k8s.io/v1beta1/namespaces/${options.namespace}/pods${query}`;
  }

  /** By container id. */
  async now(): Promise<ReadonlyMap<string, Usage>> {
    if (this.#now() - this.#at > cacheMs) {
      this.#running ??= this.#measure().finally(() => {
        this.#running = undefined;
      });
      await this.#running;
    }
    return this.#usage;
  }

  async #measure(): Promise<void> {
    const { api, containers, log } = this.#options;
    const pods = new Map<string, PodMetrics>();
    try {
      const { items } = await api.json<{ items: readonly PodMetrics[] }>(this.#path);
      for (const item of items) pods.set(item.metadata.name, item);
      if (!this.available) log("the metrics API answers: CPU and memory are measured");
      this.available = true;
    } catch (error) {
      if (this.available) {
        log(
          `CPU and memory of containers are not measured: ${(error as Error).message}. They come from the metrics API, which metrics-server provides; everything else works without it`,
        );
      }
      this.available = false;
    }
    const found = new Map<string, Usage>();
    for (const container of containers.all) {
      const pod = pods.get(container.pod);
      const used = pod?.containers.find(({ name }) => name === container.inner)?.usage;
      if (pod && used && container.running) found.set(container.id, this.#usageOf(container, pod, used));
    }
    for (const id of this.#counters.keys()) if (!containers.has(id)) this.#counters.delete(id);
    this.#usage = found;
    this.#at = this.#now();
  }

  #usageOf(
    { id, memoryLimit }: PodContainer,
    { window }: PodMetrics,
    { cpu = "0", memory = "0" }: PodMetrics["containers"][number]["usage"],
  ): Usage {
    const at = this.#now() / 1000;
    const before = this.#counters.get(id) ?? { at: at - secondsOf(window), seconds: 0 };
    const seconds = before.seconds + (quantity(cpu) ?? 0) * (at - before.at);
    this.#counters.set(id, { at, seconds });
    return {
      cpuSeconds: seconds,
      workingSetBytes: quantity(memory) ?? 0,
      ...(memoryLimit > 0 && { limitBytes: memoryLimit }),
    };
  }

  #now(): number {
    return this.#options.now?.() ?? performance.now();
  }
}

/** Of a duration as Go writes it, such as `1m0.5s`. */
function secondsOf(text: string): number {
  const units: Readonly<Record<string, number>> = {
    h: 3600,
    m: 60,
    s: 1,
    ms: 1e-3,
    us: 1e-6,
    µs: 1e-6,
    ns: 1e-9,
  };
  let sum = 0;
  for (const [, number, unit = ""] of text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|us|µs|ns|s)/g)) {
    sum += Number(number) * (units[unit] ?? 0);
  }
  return sum;
}
