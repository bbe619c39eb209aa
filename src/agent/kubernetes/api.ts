import { readFile } from "node:fs/promises";
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { join } from "node:path";

export interface ApiOptions {
  readonly url: string;
  /** Folder of a ServiceAccount's `token` and `ca.crt`. */
  readonly folder: string;
}

/** The API server answered with an error. */
export class KubernetesError extends Error {
  readonly status: number;

  constructor(path: string, status: number, body: string) {
    super(`GET ${path.split("?")[0]} answered ${status}: ${messageOf(body)}`);
    this.name = "KubernetesError";
    this.status = status;
  }
}

const answerMs = 30_000;
/** A peer that is gone without a word is noticed. */
const keepAliveMs = 30_000;

/** Where a pod finds the API of its own cluster. */
export function inCluster(env: NodeJS.ProcessEnv, folder: string): ApiOptions {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = "443" } = env;
  if (!host) {
    throw new Error(
      "KUBERNETES_SERVICE_HOST is not set: this agent is configured for Kubernetes but does not run in a pod; run ./datalab up again",
    );
  }
  return { url: `https://${host.includes(":") ? `[${host}]` : host}:${port}`, folder };
}

/**
 * Reads from Kubernetes' HTTP API with the token that the pod has. It is read for every request: the kubelet
 * replaces it now and then. The usual client library would take 40 MiB more of the agent's memory.
 */
export class KubernetesApi {
  readonly #url: URL;
  readonly #folder: string;
  readonly #secure: boolean;
  readonly #agent: HttpAgent;

  constructor({ url, folder }: ApiOptions) {
    this.#url = new URL(url);
    this.#folder = folder;
    this.#secure = this.#url.protocol === "https:";
    const pool = { keepAlive: true, maxSockets: 4, maxFreeSockets: 1, timeout: answerMs };
    this.#agent = this.#secure ? new HttpsAgent(pool) : new HttpAgent(pool);
  }

  /** The object at this path; throws a KubernetesError when it is refused. */
  async json<T>(path: string, signal?: AbortSignal): Promise<T> {
    const limit = AbortSignal.timeout(answerMs);
    const both = signal ? AbortSignal.any([signal, limit]) : limit;
    const answer = await this.#open(path, both, this.#agent);
    const body = await textOf(answer);
    if (answer.statusCode !== 200) throw new KubernetesError(path, answer.statusCode ?? 0, body);
    return JSON.parse(body) as T;
  }

  /**
   * An answer that goes on: its end, or the signal, closes the connection. The log of a container that has
   * not written anything yet has no answer at all until it does.
   */
  async stream(path: string, signal: AbortSignal): Promise<IncomingMessage> {
    const answer = await this.#open(path, signal, false);
    if (answer.statusCode === 200) return answer;
    throw new KubernetesError(path, answer.statusCode ?? 0, await textOf(answer));
  }

  async #open(path: string, signal: AbortSignal, agent: HttpAgent | false): Promise<IncomingMessage> {
    const read = (name: string) => readFile(join(this.#folder, name), "utf8");
    const token = (await read("token")).trim();
    const options = {
      agent,
      signal,
      headers: { accept: "application/json, */*", authorization: `Bearer ${token}` },
      ...(this.#secure && { ca: await read("ca.crt") }),
    };
    const url = new URL(path, this.#url);
    return new Promise((resolve, reject) => {
      const sent = this.#secure ? httpsRequest(url, options) : httpRequest(url, options);
      sent.on("socket", (socket) => socket.setKeepAlive(true, keepAliveMs));
      sent.on("error", reject);
      sent.on("response", resolve);
      sent.end();
    });
  }
}

const textOf = async (answer: IncomingMessage) => Buffer.concat(await answer.toArray()).toString();

/** Kubernetes' words without the object around them. */
function messageOf(body: string): string {
  try {
    return (JSON.parse(body) as { message?: string }).message ?? body;
  } catch {
    return body.trim();
  }
}

/** `?a=b&c=d`, without what is undefined. */
export function queryOf(values: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(values).filter((each): each is [string, string] => each[1] !== undefined);
  return given.length === 0 ? "" : `?${new URLSearchParams(given)}`;
}
