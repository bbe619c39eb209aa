/**
 * The little of Spark Connect's protocol that a check needs: gRPC without TLS, written by hand instead of
 * generated.
 */
import { randomUUID } from "node:crypto";
import { type ClientHttp2Session, connect } from "node:http2";

/** The server refused or failed: gRPC's status and message. */
export class ConnectError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message || `gRPC status ${status}`);
    this.name = "ConnectError";
    this.status = status;
  }
}

/** gRPC's status of a caller who is not known. */
export const unauthenticated = 16;

/** One session of Spark Connect; `close` releases it on the server. */
export class ConnectSession {
  readonly #http: ClientHttp2Session;
  readonly #token: string;
  readonly #signal: AbortSignal;
  readonly #identity: Buffer;
  #opened = false;

  constructor(address: string, token: string, signal: AbortSignal) {
    this.#http = connect(`http://${address}`);
    // Whoever waits for an answer is told; without a listener it would end the process.
    this.#http.on("error", () => {});
    this.#token = token;
    this.#signal = signal;
    this.#identity = Buffer.concat([text(1, randomUUID()), bytes(2, text(1, "datalab-health"))]);
  }

  /** Spark's version, as the server says it. */
  async version(): Promise<string> {
    const [answer] = await this.#call("AnalyzePlan", Buffer.concat([this.#identity, bytes(10)]));
    this.#opened = true;
    return field(field(answer, 8), 1)?.toString() ?? "";
  }

  /** How many rows a query gives. */
  async rows(sql: string): Promise<number> {
    this.#opened = true;
    const plan = bytes(3, bytes(1, bytes(10, text(1, sql))));
    const answers = await this.#call("ExecutePlan", Buffer.concat([this.#identity, plan]));
    return answers.reduce((sum, answer) => sum + number(field(answer, 2), 1), 0);
  }

  async close(): Promise<void> {
    try {
      if (this.#opened && !this.#http.destroyed) await this.#call("ReleaseSession", this.#identity);
    } finally {
      this.#http.destroy();
    }
  }

  #call(method: string, message: Buffer): Promise<Buffer[]> {
    const { promise, resolve, reject } = Promise.withResolvers<Buffer[]>();
    const stream = this.#http.request(
      {
        ":method": "POST",
        ":path": `/spark.connect.SparkConnectService/${method}`,
        "content-type": "application/grpc",
        te: "trailers",
        authorization: `Bearer ${this.#token}`,
      },
      { signal: this.#signal },
    );
    const chunks: Buffer[] = [];
    const end = (headers: Record<string, unknown>) => {
      if (headers["grpc-status"] === undefined) return;
      const status = Number(headers["grpc-status"]);
      if (status === 0) resolve(frames(Buffer.concat(chunks)));
      else reject(new ConnectError(status, decodeURIComponent(String(headers["grpc-message"] ?? ""))));
    };
    stream.on("response", end);
    stream.on("trailers", end);
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("error", reject);
    stream.on("close", () => reject(new Error(`${method}: the connection closed without an answer`)));
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(message.length, 1);
    stream.end(Buffer.concat([prefix, message]));
    return promise;
  }
}

/** Every message of a gRPC body: a flag, a length, and so many bytes. */
export function frames(body: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at + 5 <= body.length; ) {
    const length = body.readUInt32BE(at + 1);
    found.push(body.subarray(at + 5, at + 5 + length));
    at += 5 + length;
  }
  return found;
}

function varint(value: number): Buffer {
  const out: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...out, rest]);
    out.push((rest % 128) + 128);
  }
}

/** A field of protobuf's length-delimited kind: a message, or a string. */
export function bytes(id: number, content: Buffer = Buffer.alloc(0)): Buffer {
  return Buffer.concat([varint(id * 8 + 2), varint(content.length), content]);
}

const text = (id: number, value: string): Buffer => bytes(id, Buffer.from(value));

/** The first length-delimited field with this number. */
export function field(message: Buffer | undefined, id: number): Buffer | undefined {
  return walk(message).find((entry) => entry.id === id && entry.content)?.content;
}

/** The first integer field with this number; 0, protobuf's default, when it is absent. */
export function number(message: Buffer | undefined, id: number): number {
  return walk(message).find((entry) => entry.id === id && entry.value !== undefined)?.value ?? 0;
}

interface Field {
  readonly id: number;
  readonly content?: Buffer;
  readonly value?: number;
}

function walk(message: Buffer | undefined): Field[] {
  const found: Field[] = [];
  let at = 0;
  const next = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = message?.[at++] ?? 0;
      value += (byte % 128) * scale;
      if (byte < 128) return value;
    }
  };
  while (message && at < message.length) {
    const tag = next();
    const id = Math.floor(tag / 8);
    const kind = tag % 8;
    if (kind === 0) found.push({ id, value: next() });
    else if (kind === 2) {
      const length = next();
      found.push({ id, content: message.subarray(at, at + length) });
      at += length;
    } else at += kind === 1 ? 8 : 4;
  }
  return found;
}
