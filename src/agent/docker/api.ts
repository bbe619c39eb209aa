import { Agent, type IncomingMessage, request } from "node:http";

export interface DockerAnswer {
  readonly status: number;
  readonly contentType: string | undefined;
  readonly body: Buffer;
}

export interface RequestOptions {
  readonly body?: unknown;
  /** Sent as it is, instead of `body` as JSON. */
  readonly archive?: Buffer;
  readonly signal?: AbortSignal;
}

/** Docker answered with an error. */
export class DockerError extends Error {
  readonly status: number;

  constructor(what: string, status: number, body: string) {
    super(`${what} answered ${status}: ${messageOf(body)}`);
    this.name = "DockerError";
    this.status = status;
  }
}

const answerMs = 60_000;

/** Docker's HTTP API on its socket. Paths carry no version, so that any daemon answers in its own newest. */
export class DockerApi {
  readonly #socketPath: string;
  /** Few connections: the daemon has other work to do. */
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 4, maxFreeSockets: 2, timeout: answerMs });

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  /** One question and its whole answer, whatever its status. */
  async ask(method: string, path: string, options: RequestOptions = {}): Promise<DockerAnswer> {
    const limit = AbortSignal.timeout(answerMs);
    const signal = options.signal ? AbortSignal.any([options.signal, limit]) : limit;
    const answer = await this.#open(method, path, { ...options, signal }, this.#agent);
    const body = Buffer.concat(await answer.toArray());
    return { status: answer.statusCode ?? 0, contentType: answer.headers["content-type"], body };
  }

  /** The value that Docker answers with; throws a DockerError when it refuses. */
  async json<T>(method: string, path: string, options: RequestOptions = {}): Promise<T> {
    const { status, body } = await this.ask(method, path, options);
    if (status >= 400) throw new DockerError(`${method} ${path}`, status, body.toString());
    return (body.length === 0 ? undefined : JSON.parse(body.toString())) as T;
  }

  /** An answer that goes on: its end, or the signal, closes the connection. */
  async stream(path: string, signal: AbortSignal): Promise<IncomingMessage> {
    const answer = await this.#open("GET", path, { signal }, false);
    if ((answer.statusCode ?? 0) < 400) return answer;
    const body = Buffer.concat(await answer.toArray()).toString();
    throw new DockerError(`GET ${path}`, answer.statusCode ?? 0, body);
  }

  #open(
    method: string,
    path: string,
    options: RequestOptions,
    agent: Agent | false,
  ): Promise<IncomingMessage> {
    const { archive, body, signal } = options;
    const content = archive ?? (body === undefined ? undefined : Buffer.from(JSON.stringify(body)));
    return new Promise((resolve, reject) => {
      const sent = request({
        socketPath: this.#socketPath,
        method,
        path,
        agent,
        ...(signal && { signal }),
        headers: {
          host: "docker",
          "content-length": content?.length ?? 0,
          ...(content && { "content-type": archive ? "application/x-tar" : "application/json" }),
        },
      });
      sent.on("error", reject);
      sent.on("response", resolve);
      sent.end(content);
    });
  }
}

/** Docker's words without their JSON. */
function messageOf(body: string): string {
  try {
    return (JSON.parse(body) as { message?: string }).message ?? body;
  } catch {
    return body.trim();
  }
}

/** `filters=` of a path. */
export const filters = (value: Readonly<Record<string, readonly string[]>>): string =>
  `filters=${encodeURIComponent(JSON.stringify(value))}`;
