/** The notebooks' proxy as a process, before servers that stand in for the hub and a notebook. */
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, request, type Server } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { resolve } from "node:path";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";

const main = resolve(import.meta.dirname, "../../src/notebook-proxy/main.ts");
const token = "the-secret-of-both";
const mebi = 2 ** 20;
const chunk = Buffer.alloc(mebi, "datalab ");
const large = 200;
const long = "x".repeat(12 * mebi);

const listening = async (server: Server): Promise<number> => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
};
async function freePort(): Promise<number> {
  const server = createTcpServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
async function bytesOf(stream: AsyncIterable<Buffer>): Promise<number> {
  let bytes = 0;
  for await (const part of stream) bytes += part.length;
  return bytes;
}
function* chunks(count: number): Generator<Buffer> {
  for (let i = 0; i < count; i++) yield chunk;
}

describe("the notebooks' proxy", () => {
  /** Questions for routes, by their Authorization. */
  const asked: string[] = [];
  const seen: string[] = [];
  let hubAnswers = 503;
  const hub = createServer((incoming, answer) => {
    if (incoming.method === "POST" && incoming.url === "/hub/api/proxy") {
      asked.push(String(incoming.headers.authorization));
      answer.writeHead(hubAnswers).end();
    } else if (incoming.url?.startsWith("/hub/error/")) answer.end(`the hub's page for ${incoming.url}`);
    else answer.end(`hub ${incoming.url}`);
  });
  const notebook = createServer(async (incoming, answer) => {
    seen.push(incoming.url ?? "");
    if (incoming.url?.endsWith("/large")) Readable.from(chunks(large)).pipe(answer);
    else answer.end(String(await bytesOf(incoming)));
  });
  notebook.on("upgrade", (incoming: IncomingMessage, socket) => {
    const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    const accept = createHash("sha1").update(`${incoming.headers["sec-websocket-key"]}${guid}`);
    socket.write(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
        `Sec-WebSocket-Accept: ${accept.digest("base64")}\r\n\r\n`,
    );
    // One frame of text, as a kernel sends a long output.
    const head = Buffer.alloc(10);
    head.writeUInt8(0x81, 0);
    head.writeUInt8(127, 1);
    head.writeBigUInt64BE(BigInt(long.length), 2);
    socket.write(head);
    socket.write(long);
    socket.on("error", () => {});
  });

  let ports: { hub: number; notebook: number; web: number; api: number };
  let child: ChildProcess;
  const start = async (): Promise<void> => {
    child = spawn(process.execPath, ["--max-old-space-size=64", "--max-semi-space-size=2", main], {
      stdio: "ignore",
      env: {
        PATH: process.env.PATH,
        DATALAB_HUB: `http://127.0.0.1:${ports.hub}`,
        CONFIGPROXY_AUTH_TOKEN: token,
        DATALAB_PROXY_ADDRESS: "127.0.0.1",
        DATALAB_PROXY_PORT: String(ports.web),
        DATALAB_PROXY_API_PORT: String(ports.api),
      },
    });
    await vi.waitFor(async () => expect((await ask("/_chp_healthz")).statusCode).toBe(200), 20_000);
  };
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const closed = once(child, "close");
    child.kill(signal);
    await closed;
  };
  const api = (method: string, path: string, auth: string, body?: object) =>
    fetch(`http://127.0.0.1:${ports.api}/api/routes${path}`, {
      method,
      headers: { authorization: `token ${auth}` },
      ...(body && { body: JSON.stringify(body) }),
    });
  const route = async (path: string, port = ports.notebook): Promise<void> => {
    const target = `http://127.0.0.1:${port}`;
    expect((await api("POST", path, token, { target })).status).toBe(201);
  };
  const ask = (path: string, body?: Readable): Promise<IncomingMessage> =>
    new Promise((done, fail) => {
      // Not fetch: it would rewrite the path.
      const sent = request({ port: ports.web, path, method: body ? "PUT" : "GET", agent: false }, done);
      sent.on("error", fail);
      if (body) body.pipe(sent);
      else sent.end();
    });
  const textOf = async (answer: IncomingMessage) => Buffer.concat(await answer.toArray()).toString();

  beforeAll(async () => {
    ports = {
      hub: await listening(hub),
      notebook: await listening(notebook),
      web: await freePort(),
      api: await freePort(),
    };
    await start();
  });
  afterAll(async () => {
    await end("SIGTERM");
    for (const server of [hub, notebook]) {
      server.closeAllConnections();
      server.close();
    }
  });

  test("asks the hub for its routes until the hub has sent them, and after each start again", async () => {
    await expect.poll(() => asked.length, { timeout: 20_000 }).toBeGreaterThan(1);
    hubAnswers = 201;
    const before = asked.length;
    await expect.poll(() => asked.length, { timeout: 20_000 }).toBe(before + 1);
    await end("SIGKILL");
    await start();
    await expect.poll(() => asked.length, { timeout: 10_000 }).toBe(before + 2);
    expect(new Set(asked)).toEqual(new Set([`token ${token}`]));
  });

  test("takes routes from the hub alone, and leads everything else to the hub", async () => {
    expect((await api("POST", "/user/ana", "a guess", { target: "http://127.0.0.1:9" })).status).toBe(403);
    expect((await api("GET", "", "a guess")).status).toBe(403);
    expect(await textOf(await ask("/hub/login?next=%2Fhub%2F"))).toBe("hub /hub/login?next=%2Fhub%2F");
  });

  test("hands a path on as it came, whatever is in a user's name", async () => {
    await route("/user/ana%40lab.org");
    const path = "/user/ana@lab.org/api/contents/a%2Fb%20c?x=%40";
    expect(await textOf(await ask(path))).toBe("0");
    expect(seen.at(-1)).toBe(path);
  });

  test("streams: large bodies in both directions, two of each at once, in little memory", async () => {
    await route("/user/bo");
    const sizes = await Promise.all([
      ...[1, 2].map(async () => bytesOf(await ask("/user/bo/large"))),
      ...[1, 2].map(async () => Number(await textOf(await ask("/user/bo/up", Readable.from(chunks(large)))))),
    ]);
    expect(sizes).toEqual([1, 2, 3, 4].map(() => large * mebi));
    const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
    const peak = Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
    // A proxy that keeps one of them whole has 200 MiB more.
    expect(peak).toBeLessThan(180);
  });

  test("passes on an output of 12 MB in one message of a websocket", async () => {
    await route("/user/cy");
    const socket = new WebSocket(`ws://127.0.0.1:${ports.web}/user/cy/api/kernels/1/channels`);
    const [event] = (await once(socket as EventTarget as never, "message")) as [MessageEvent];
    expect(event.data === long).toBe(true);
    socket.close();
  });

  test("shows the hub's page for a notebook that does not answer, and survives a path that is none", async () => {
    await route("/user/gone", await freePort());
    const gone = await ask("/user/gone/lab");
    expect([gone.statusCode, await textOf(gone)]).toEqual([
      503,
      "the hub's page for /hub/error/503?url=%2Fuser%2Fgone%2Flab",
    ]);
    expect((await ask("/user/%E0%A4%A")).statusCode).toBe(500);
    expect((await ask("/_chp_healthz")).statusCode).toBe(200);
  });
});
