import { setTimeout as sleep } from "node:timers/promises";
import { labelNames } from "../../model/names.ts";
import type { Containers } from "../containers.ts";
import { type KubernetesApi, KubernetesError, queryOf } from "./api.ts";
import { containersOf, type Pod, type PodContainer } from "./pod.ts";

interface PodList {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
  readonly items: readonly Pod[];
}

interface WatchEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  readonly object: Pod & { readonly code?: number; readonly message?: string };
}

export interface PodsOptions {
  readonly api: KubernetesApi;
  readonly namespace: string;
  readonly stack: string;
  readonly containers: Containers<PodContainer>;
  readonly log: (line: string) => void;
  /** Between two attempts. @default 1000 */
  readonly retryMs?: number;
}

/** The API server ends a watch after this time; nothing at all for longer means that nobody is there. */
const watchSeconds = 290;
const pageSize = "100";

/** Keeps the list of a stack's containers: lists its pods, then watches them from that version on. */
export class Pods {
  readonly #options: PodsOptions;
  readonly #path: string;
  readonly #selector: string;
  /** Up to where the changes of pods are known; undefined: they must be listed. */
  #version: string | undefined;

  constructor(options: PodsOptions) {
    this.#options = options;
    this.#path = `/api/v1/namespaces/${options.namespace}/pods`;
    this.#selector = `${labelNames.stack}=${options.stack}`;
  }

  /** Follows the pods until the signal aborts, whatever happens to the API server. */
  async run(signal: AbortSignal): Promise<void> {
    const { containers, log, retryMs = 1_000 } = this.#options;
    let troubled = false;
    while (!signal.aborted) {
      try {
        this.#version ??= await this.#list(signal);
        await this.#watch(this.#version, signal, () => {
          containers.ready = true;
          if (troubled) log("Kubernetes answers again");
          troubled = false;
        });
      } catch (error) {
        if (signal.aborted) return;
        if (isGone(error)) this.#version = undefined;
        else {
          containers.ready = false;
          if (!troubled) log(`pods of the stack can't be watched: ${(error as Error).message}`);
          troubled = true;
        }
      }
      await sleep(retryMs, undefined, { signal }).catch(() => {});
    }
  }

  /** All pods, in pages; what is not among them is gone. */
  async #list(signal: AbortSignal): Promise<string> {
    const { api, containers } = this.#options;
    const ids = new Set<string>();
    let next: string | undefined;
    for (;;) {
      const query = queryOf({ labelSelector: this.#selector, limit: pageSize, continue: next });
      const { metadata, items } = await api.json<PodList>(`${this.#path}${query}`, signal);
      for (const pod of items) for (const id of this.#put(pod)) ids.add(id);
      next = metadata.continue || undefined;
      if (next) continue;
      containers.keep(ids);
      return metadata.resourceVersion;
    }
  }

  async #watch(version: string, signal: AbortSignal, onOpen: () => void): Promise<void> {
    const query = queryOf({
      watch: "true",
      allowWatchBookmarks: "true",
      resourceVersion: version,
      timeoutSeconds: String(watchSeconds),
      labelSelector: this.#selector,
    });
    const limit = AbortSignal.timeout((watchSeconds + 30) * 1_000);
    const events = await this.#options.api.stream(`${this.#path}${query}`, AbortSignal.any([signal, limit]));
    onOpen();
    let rest = "";
    for await (const chunk of events.setEncoding("utf8")) {
      const lines = `${rest}${chunk}`.split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) if (line !== "") this.#take(JSON.parse(line) as WatchEvent);
    }
  }

  #take({ type, object }: WatchEvent): void {
    const { containers } = this.#options;
    if (type === "ERROR") {
      throw new KubernetesError(this.#path, object.code ?? 500, object.message ?? "the watch failed");
    }
    if (type === "DELETED") {
      for (const { id } of containers.all)
        if (id.startsWith(`${object.metadata.uid}/`)) containers.forget(id);
    } else if (type !== "BOOKMARK") this.#put(object);
    this.#version = object.metadata.resourceVersion;
  }

  #put(pod: Pod): string[] {
    const { containers } = this.#options;
    const found = containersOf(pod, (id) => containers.get(id));
    for (const container of found) containers.put(container);
    return found.map(({ id }) => id);
  }
}

/** The version that was asked for is too old: the API server keeps some minutes of changes only. */
const isGone = (error: unknown) => error instanceof KubernetesError && error.status === 410;
