import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";

/** What a route answers with. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
  /** Set when `body` is text of this type instead of a value to write as JSON. */
  readonly contentType?: string;
}

export interface ServerOptions {
  /** Names, without port, that a Host header may carry: keeps pages of other sites from reaching it by DNS rebinding. */
  readonly hosts: ReadonlySet<string>;
  readonly route: (method: "GET" | "POST", url: URL) => Promise<Answer>;
  readonly log: (line: string) => void;
}

/** Nothing that is sent here has a body that matters. */
const bodyLimit = 1024;

const headers = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

/** An answer in the shape every error has. */
export function failure(status: number, code: string, message: string): Answer {
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

async function handle({ hosts, route }: ServerOptions, request: IncomingMessage): Promise<Answer> {
  const host = request.headers.host;
  if (host === undefined || !hosts.has(withoutPort(host))) {
    return failure(421, "E_HOST", "This name is not served here; DATALAB_CORE_HOSTS adds names.");
  }
  const { method } = request;
  if (method !== "GET" && method !== "POST") {
    return failure(405, "E_METHOD", "Only GET and POST are answered.");
  }
  const { origin } = request.headers;
  if (origin !== undefined && origin !== `http://${host}`) {
    return failure(403, "E_ORIGIN", "Requests from pages of other sites are refused.");
  }
  if (!(await bodyIsSmall(request))) return failure(413, "E_BODY", `A body has at most ${bodyLimit} bytes.`);
  const url = parse(request.url ?? "/");
  return url ? route(method, url) : failure(400, "E_URL", "The path can't be read.");
}

function parse(path: string): URL | null {
  return path.startsWith("/") ? URL.parse(`http://core${path}`) : null;
}

function withoutPort(host: string): string {
  return host.toLowerCase().replace(/:\d+$/, "");
}

/** Reads the body to its end, or to its limit. */
async function bodyIsSmall(request: IncomingMessage): Promise<boolean> {
  if (Number(request.headers["content-length"] ?? 0) > bodyLimit) return false;
  let bytes = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    bytes += (chunk as Buffer).length;
    if (bytes > bodyLimit) return false;
  }
  return true;
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
