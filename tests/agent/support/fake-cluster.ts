/**
 * An HTTP server that behaves as the Kubernetes API does where the agent asks it: pods, their logs, their
 * metrics.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Pod } from "../../../src/agent/kubernetes/pod.ts";

export const namespace = "datalab-fake";
export const stack = "fake";
const pods = `/api/v1/namespaces/${namespace}/pods`;
const metrics = `/apis/metrics.k8s.io/v1beta1/namespaces/${namespace}/pods`;

/** What a container wrote between a start and an end. */
export interface Instance {
  readonly id: string;
  /** Its newest file. */
  lines: string[];
  ended: boolean;
}

type Change = { version: number; type: "ADDED" | "MODIFIED" | "DELETED"; object: Pod };

export class FakeCluster {
  token = "first";
  /** Requests as `path?query`, in the order they came. */
  readonly asked: string[] = [];
  /** What the metrics API answers; undefined: there is none. */
  metrics: readonly object[] | undefined;
  /** Called before a log is opened. */
  beforeLog: ((query: URLSearchParams) => void) | undefined;
  readonly #server: Server = createServer((request, response) => this.#answer(request, response));
  readonly #pods = new Map<string, Pod>();
  readonly #logs = new Map<string, Instance[]>();
  readonly #changes: Change[] = [];
  readonly #watches = new Set<ServerResponse>();
  readonly #follows = new Map<ServerResponse, () => void>();
  #version = 100;
  #oldest = 100;

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  put(name: string, status: Pod["status"], uid = `uid-${name}`, labels: Record<string, string> = {}): void {
    const type = this.#pods.has(name) ? "MODIFIED" : "ADDED";
    const object: Pod = {
      metadata: {
        name,
        uid,
        resourceVersion: String(++this.#version),
        labels: {
          "datalab.stack": stack,
          "datalab.service": "svc",
          "datalab.workload": name.split("-")[0] ?? name,
          ...labels,
        },
      },
      spec: { containers: [{ name: "main", resources: { limits: { memory: "64Mi" } } }] },
      ...(status && { status }),
    };
    this.#pods.set(name, object);
    this.#changed({ version: this.#version, type, object });
  }

  delete(name: string): void {
    const found = this.#pods.get(name) as Pod;
    this.#pods.delete(name);
    const object = { ...found, metadata: { ...found.metadata, resourceVersion: String(++this.#version) } };
    this.#changed({ version: this.#version, type: "DELETED", object });
  }

  /** A pod's container runs: its instance, and the log that it writes. */
  run(name: string, id: string): Instance {
    const instance: Instance = { id, lines: [], ended: false };
    const log = this.#logs.get(name) ?? [];
    this.#logs.set(name, [...log, instance]);
    return instance;
  }

  /** What its status says: `instance` runs after so many restarts. */
  runs(name: string, instance: Instance, restartCount = 0): void {
    const containerID = instance.id;
    const state = instance.ended
      ? { terminated: { exitCode: 0, startedAt: "2026-01-31T12:00:00Z", containerID } }
      : { running: { startedAt: "2026-01-31T12:00:00Z" } };
    const said = { name: "main", ready: true, restartCount, containerID, state };
    this.put(name, { phase: "Running", containerStatuses: [said] });
  }

  write(instance: Instance, ...lines: string[]): void {
    instance.lines.push(...lines);
    this.#tell();
  }

  /** Begins a new file; who still reads the old one stays with it, as with a kubelet that has not seen it. */
  rotate(instance: Instance): void {
    instance.lines = [];
  }

  end(instance: Instance): void {
    instance.ended = true;
    this.#tell();
  }

  /** Forgets older changes: who asks for them is told 410. */
  compact(): void {
    this.#oldest = this.#version;
    this.#changes.length = 0;
  }

  bookmark(): void {
    const object = { metadata: { resourceVersion: String(++this.#version) } };
    for (const each of this.#watches) each.write(`${JSON.stringify({ type: "BOOKMARK", object })}\n`);
  }

  /** Ends watches as the server does after their time, with an error, or by breaking the connection. */
  cutWatches(how: "ends" | "expired" | "breaks"): void {
    for (const each of this.#watches) {
      const object = { kind: "Status", code: 410, message: "too old resource version" };
      if (how === "expired") each.write(`${JSON.stringify({ type: "ERROR", object })}\n`);
      if (how === "breaks") each.destroy();
      else each.end();
    }
    this.#watches.clear();
  }

  /** Breaks all connections that follow a log, some in the middle of a line. */
  cutLogs(): void {
    for (const each of this.#follows.keys()) {
      each.write("2026-01-31T12:00:0");
      setImmediate(() => each.destroy());
    }
    this.#follows.clear();
  }

  get following(): number {
    return this.#follows.size;
  }

  #changed(change: Change): void {
    this.#changes.push(change);
    const event = JSON.stringify({ type: change.type, object: change.object });
    for (const each of this.#watches) each.write(`${event}\n`);
  }

  #tell(): void {
    for (const tell of [...this.#follows.values()]) tell();
  }

  #answer(request: IncomingMessage, response: ServerResponse): unknown {
    this.asked.push(request.url ?? "");
    const url = new URL(request.url ?? "", "http://fake");
    const send = (status: number, body: object) => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(body));
    };
    const refuse = (code: number, message: string) => send(code, { kind: "Status", code, message });
    if (request.headers.authorization !== `Bearer ${this.token}`) return refuse(401, "Unauthorized");
    const query = url.searchParams;
    if (url.pathname === metrics) {
      return this.metrics ? send(200, { items: this.metrics }) : refuse(404, "404 page not found");
    }
    const [, name] = new RegExp(`^${pods}/([^/]+)/log$`).exec(url.pathname) ?? [];
    if (name !== undefined) return this.#log(name, query, response, refuse);
    if (url.pathname !== pods) return refuse(403, `forbidden: ${url.pathname}`);
    if (query.get("labelSelector") !== `datalab.stack=${stack}`) return refuse(400, "unexpected selector");
    if (query.get("watch") === "true")
      return this.#watch(Number(query.get("resourceVersion")), response, refuse);
    const all = [...this.#pods.values()];
    const from = Number(query.get("continue") ?? "0");
    const to = from + Math.min(Number(query.get("limit")), 2);
    const more = to < all.length && { continue: String(to) };
    send(200, { metadata: { resourceVersion: String(this.#version), ...more }, items: all.slice(from, to) });
  }

  #watch(from: number, response: ServerResponse, refuse: (code: number, message: string) => void): unknown {
    if (from < this.#oldest) return refuse(410, "The resourceVersion for the provided watch is too old.");
    response.writeHead(200, { "content-type": "application/json" });
    response.flushHeaders();
    for (const { version, type, object } of this.#changes) {
      if (version > from) response.write(`${JSON.stringify({ type, object })}\n`);
    }
    this.#watches.add(response);
  }

  /**
   * As the kubelet does: headers with the first bytes only, whole seconds, the end when the container has
   * ended.
   */
  #log(
    name: string,
    query: URLSearchParams,
    response: ServerResponse,
    refuse: (code: number, message: string) => void,
  ): unknown {
    this.beforeLog?.(query);
    if (!this.#pods.has(name)) return refuse(404, `pods "${name}" not found`);
    const log = this.#logs.get(name) ?? [];
    const instance = query.get("previous") === "true" ? log.at(-2) : log.at(-1);
    if (!instance) return refuse(400, `container "main" in pod "${name}" is not available`);
    const since = query.get("sinceTime") ?? "";
    if (!/^$|^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(since)) return refuse(400, "bad sinceTime");
    const file = instance.lines;
    let sent = 0;
    const tell = () => {
      const fresh = file.slice(sent).filter((line) => line >= since.slice(0, 19));
      sent = file.length;
      if (fresh.length > 0) response.write(`${fresh.join("\n")}\n`);
      if (!instance.ended && query.get("follow") === "true") return;
      this.#follows.delete(response);
      response.end();
    };
    this.#follows.set(response, tell);
    response.on("close", () => this.#follows.delete(response));
    tell();
  }
}
