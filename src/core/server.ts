import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { ErrorCode } from "../error-codes/index.ts";

/** What a route answers with. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
  /** Set when `body` is text of this type instead of a value to write as JSON. */
  readonly contentType?: string;
}

export interface RequestHead {
  readonly method: "GET" | "POST";
  readonly url: URL;
  /** The header of that name. */
  readonly authorization: string | undefined;
}

export interface Request extends RequestHead {
  readonly body: string;
}

export interface ServerOptions {
  /**
   * Names, without port, that a Host header may carry: keeps pages of other sites from reaching it by DNS
   * rebinding.
   */
  readonly hosts: ReadonlySet<string>;
  readonly route: (request: Request) => Promise<Answer>;
  /**
   * Most bytes that the body may have, where what is posted matters; asked before it is read. @default 1024
   */
  readonly bodyLimit?: (head: RequestHead) => number | undefined;
  readonly log: (line: string) => void;
}

/** Nearly nothing that is sent here has a body that matters. */
const smallBody = 1024;

const headers = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

/** An answer in the shape every error has. */
export function failure(status: number, code: ErrorCode, message: string): Answer {
  return { status, body: { error: { code, message } } };
}

export function createHttpServer(options: ServerOptions): Server {
  const server = createServer({ headersTimeout: 5_000, requestTimeout: 10_000, keepAliveTimeout: 5_000 });
  server.maxRequestsPerSocket = 1_000;
  server.on("request", (request, response) => {
    handle(options, request)
      .catch((error: unknown) => {
        options.log(
          `${request.method} ${request.url}: ${error instanceof Error ? error.stack : String(error)}`,
        );
        return failure(500, "E_INTERNAL", "The core failed to answer; its log says why.");
      })
      .then((answer) => send(response, answer, request.complete));
  });
  server.on("clientError", (_error, socket) => {
    if (socket.writable)
      socket.end("HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
  });
  return server;
}

async function handle(options: ServerOptions, request: IncomingMessage): Promise<Answer> {
  const { hosts, route, bodyLimit } = options;
  const host = request.headers.host;
  if (host === undefined || !hosts.has(withoutPort(host))) {
    return failure(421, "E_HOST", "This name is not served here; DATALAB_CORE_HOSTS adds names.");
  }
  const { method } = request;
  if (method !== "GET" && method !== "POST") {
    return failure(405, "E_METHOD", "Only GET and POST are answered.");
  }
  const { origin } = request.headers;
  // Behind an ingress the browser's own scheme is https.
  if (origin !== undefined && ![`http://${host}`, `https://${host}`].includes(origin)) {
    return failure(403, "E_ORIGIN", "Requests from pages of other sites are refused.");
  }
  const url = parse(request.url ?? "/");
  if (!url) return failure(400, "E_URL", "The path can't be read.");
  const head = { method, url, authorization: request.headers.authorization } as const;
  const limit = bodyLimit?.(head) ?? smallBody;
  const body = await readBody(request, limit);
  return body === undefined
    ? failure(413, "E_BODY", `A body has at most ${limit} bytes.`)
    : route({ ...head, body });
}

function parse(path: string): URL | null {
  return path.startsWith("/") ? URL.parse(`http://core${path}`) : null;
}

function withoutPort(host: string): string {
  return host.toLowerCase().replace(/:\d+$/, "");
}

/** The body; undefined when it is longer than the limit, and then the rest is not read. */
async function readBody(request: IncomingMessage, limit: number): Promise<string | undefined> {
  if (Number(request.headers["content-length"] ?? 0) > limit) return undefined;
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    bytes += (chunk as Buffer).length;
    if (bytes > limit) return undefined;
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function send(response: ServerResponse, answer: Answer, complete: boolean): void {
  if (response.destroyed) return;
  const body = answer.contentType ? String(answer.body) : `${JSON.stringify(answer.body)}\n`;
  response.writeHead(answer.status, {
    ...headers,
    "content-type": answer.contentType ?? "application/json; charset=utf-8",
    "content-length": Buffer.byteLength(body),
    ...(answer.status === 405 && { allow: "GET, POST" }),
    // The rest of a body that was refused is not read: this connection can't carry another request.
    ...(!complete && { connection: "close" }),
  });
  response.end(body);
}
