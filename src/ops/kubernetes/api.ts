import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { HttpMethod, KubeConfig, RequestContext } from "@kubernetes/client-node";
import { fetch, type Response } from "undici";
import { DatalabError, type ErrorCode } from "../../errors.ts";

/** Which cluster, and where in it. */
export interface ClusterTarget {
  /** null: nobody has said it. */
  readonly context: string | null;
  /** null: $KUBECONFIG, else the user's own. */
  readonly kubeconfig: string | null;
  readonly namespace: string;
}

type Method = "GET" | "POST" | "PATCH" | "DELETE";

export interface RequestOptions {
  readonly method?: Method;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  /** A merge patch where the method is PATCH and no type is given. */
  readonly body?: unknown;
  readonly type?: string;
  readonly accept?: string;
  readonly signal?: AbortSignal;
}

/** What the API server answers when it does not do what it was asked. */
export class ApiError extends DatalabError {
  readonly status: number;
  constructor(status: number, message: string, hint?: string) {
    const codes: Readonly<Record<number, ErrorCode>> = { 401: "E_CLUSTER_LOGIN", 403: "E_CLUSTER_FORBIDDEN" };
    super(codes[status] ?? "E_CLUSTER", message, hint === undefined ? {} : { hint });
    this.status = status;
  }
}

/** A cluster's API, through one context of a kubeconfig. */
export interface Cluster {
  readonly target: ClusterTarget & { readonly context: string };
  readonly server: string;
  readonly config: KubeConfig;
  /** Sends a request; throws an ApiError unless it was done. */
  send(path: string, options?: RequestOptions): Promise<Response>;
  /** One object; undefined when there is none. */
  get<T>(path: string, options?: RequestOptions): Promise<T | undefined>;
  list<T>(path: string, query?: RequestOptions["query"]): Promise<readonly T[]>;
  patch(path: string, body: unknown, options?: RequestOptions): Promise<void>;
  /** Removes an object with what it owns; one that is not there is as good as removed. */
  remove(path: string): Promise<void>;
}

const connectMs = 15_000;
const pageSize = 500;

/** Opens the API of a cluster. Throws when its context is not known; asks the cluster nothing yet. */
export function connectCluster(target: ClusterTarget): Cluster {
  const { context } = target;
  if (context === null) {
    throw new DatalabError("E_CONTEXT", "The kubeconfig context of this cluster is not configured.", {
      hint: "Set kubernetes.context in the stack's file; a tool such as aws eks update-kubeconfig creates the context.",
    });
  }
  const { config, source } = loadKubeconfig(target.kubeconfig);
  const known = config.getContexts().map(({ name }) => name);
  if (!known.includes(context)) {
    throw new DatalabError("E_CONTEXT", `${source} has no context ${JSON.stringify(context)}.`, {
      hint: `${known.length === 0 ? "It has none" : `It has ${known.join(", ")}`}. Set kubernetes.context, or kubernetes.kubeconfig, in the stack's file.`,
    });
  }
  config.setCurrentContext(context);
  const server = config.getCurrentCluster()?.server.replace(/\/+$/, "");
  if (server === undefined) {
    throw new DatalabError(
      "E_CONTEXT",
      `The context ${context} in ${source} names a cluster that the file does not define.`,
    );
  }
  return new ApiCluster({ ...target, context }, server, config, source);
}

function loadKubeconfig(path: string | null): { config: KubeConfig; source: string } {
  const given = path ?? (process.env.KUBECONFIG || join(homedir(), ".kube/config"));
  const files = (path === null ? given.split(delimiter).filter((file) => file !== "") : [given]).map((file) =>
    resolve(file.replace(/^~(?=\/)/, homedir())),
  );
  const present = files.filter((file) => existsSync(file));
  const source = `The kubeconfig ${files.join(delimiter)}`;
  if (present.length === 0) {
    throw new DatalabError("E_KUBECONFIG", `${source} does not exist.`, {
      hint: "Set kubernetes.kubeconfig in the stack's file, or KUBECONFIG.",
    });
  }
  const config = new KubeConfig();
  try {
    for (const [i, file] of present.entries()) {
      if (i === 0) config.loadFromFile(file);
      else {
        const more = new KubeConfig();
        more.loadFromFile(file);
        config.mergeConfig(more, true);
      }
    }
  } catch (error) {
    throw new DatalabError("E_KUBECONFIG", `${source} can't be read: ${(error as Error).message}`, {
      cause: error,
    });
  }
  return { config, source };
}

class ApiCluster implements Cluster {
  readonly target: Cluster["target"];
  readonly server: string;
  readonly config: KubeConfig;
  readonly #source: string;

  constructor(target: Cluster["target"], server: string, config: KubeConfig, source: string) {
    this.target = target;
    this.server = server;
    this.config = config;
    this.#source = source;
  }

  async send(path: string, options: RequestOptions = {}): Promise<Response> {
    const { method = "GET", query = {}, body, accept = "application/json", signal } = options;
    const url = new URL(this.server + path);
    for (const [key, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(key, String(value));
    }
    const type = options.type ?? (method === "PATCH" ? "application/merge-patch+json" : "application/json");
    // The answer's head has to come in time; what follows may go on for ever.
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(new Error("no answer in time")), connectMs);
    let answer: Response;
    try {
      const request = new RequestContext(url.href, HttpMethod[method]);
      await this.config.applySecurityAuthentication(request);
      const dispatcher = request.getDispatcher();
      answer = await fetch(url, {
        method,
        headers: { ...request.getHeaders(), accept, ...(body !== undefined && { "content-type": type }) },
        signal: signal ? AbortSignal.any([signal, late.signal]) : late.signal,
        ...(body !== undefined && { body: JSON.stringify(body) }),
        ...(dispatcher && { dispatcher }),
      });
    } catch (error) {
      throw signal?.aborted ? error : this.#unreachable(error);
    } finally {
      clearTimeout(timer);
    }
    if (!answer.ok) throw this.#refused(answer.status, await answer.text());
    return answer;
  }

  async get<T>(path: string, options?: RequestOptions): Promise<T | undefined> {
    try {
      return (await (await this.send(path, options)).json()) as T;
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return undefined;
      throw error;
    }
  }

  async list<T>(path: string, query: RequestOptions["query"] = {}): Promise<readonly T[]> {
    const items: T[] = [];
    for (let next: string | undefined; ; ) {
      const answer = await this.send(path, { query: { ...query, limit: pageSize, continue: next } });
      const page = (await answer.json()) as { items: T[] | null; metadata?: { continue?: string } };
      items.push(...(page.items ?? []));
      next = page.metadata?.continue || undefined;
      if (next === undefined) return items;
    }
  }

  async patch(path: string, body: unknown, options: RequestOptions = {}): Promise<void> {
    await this.send(path, { ...options, method: "PATCH", body });
  }

  async remove(path: string): Promise<void> {
    try {
      await this.send(path, { method: "DELETE", body: { propagationPolicy: "Background" } });
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 404)) throw error;
    }
  }

  #refused(status: number, text: string): ApiError {
    const { context } = this.target;
    let message = text.trim().slice(0, 500);
    try {
      message = (JSON.parse(text) as { message?: string }).message ?? message;
    } catch {
      // A proxy in between answers in its own words.
    }
    if (status === 401) {
      return new ApiError(
        status,
        `The cluster of the context ${context} refuses the login.`,
        `Log in to the cluster again; the login is in ${lower(this.#source)}.`,
      );
    }
    if (status === 403) {
      return new ApiError(
        status,
        `The context ${context} may not do this: ${message}`,
        "Ask the cluster's administrator for the right, or set another context in kubernetes.context.",
      );
    }
    return new ApiError(status, `The cluster of the context ${context} returned ${status}: ${message}`);
  }

  #unreachable(error: unknown): DatalabError {
    const { message, cause } = error as Error & { cause?: { code?: string; message?: string } };
    const reason = cause?.code ?? cause?.message ?? message;
    return new DatalabError(
      "E_CLUSTER_UNREACHABLE",
      `The cluster of the context ${this.target.context} (${this.server}) does not answer: ${reason}.`,
      {
        hint: `Start it, or correct its address in ${lower(this.#source)}.`,
        cause: error,
      },
    );
  }
}

/** What a request gives; undefined for a login that may not see it. */
export async function ifVisible<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof ApiError && error.status === 403) return undefined;
    throw error;
  }
}

const lower = (source: string): string => source.replace(/^The/, "the");
