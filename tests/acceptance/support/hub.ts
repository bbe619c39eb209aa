/** JupyterHub as a browser uses it: log in, start a notebook, run its cells over the kernel's websocket. */
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import {
  type Agent,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request as plainRequest,
} from "node:http";
import { request as tlsRequest } from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "undici";
import { agentFor, dispatcherFor, type IngressRoute } from "../../../src/ops/services/ingress-route.ts";

interface Cell {
  readonly cell_type: string;
  readonly source: string;
}
interface Message {
  readonly parent_header: { readonly msg_id?: string };
  readonly msg_type: string;
  readonly content: Readonly<Record<string, unknown>>;
}
interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: IncomingHttpHeaders;
}
/** What a cell printed and showed, as text. */
export type Output = string;

export class Hub {
  readonly #base: string;
  readonly #way: IngressRoute | null;
  readonly #agent: Agent | false;
  readonly #cookies = new Map<string, string>();
  #token = "";

  /** `base` is where the hub is published, without a slash at its end; `way` leads there. */
  constructor(base: string, way: IngressRoute | null = null) {
    this.#base = base;
    this.#way = way;
    this.#agent = agentFor(way) ?? false;
  }

  /**
   * A request with this session's cookies and, where it changes something, its XSRF token. Redirects are not
   * followed. Not `fetch`: that says it is a script, and the hub hands its XSRF cookie to pages only.
   */
  request(method: string, path: string, body?: URLSearchParams | string): Promise<Answer> {
    const xsrf = this.#cookies.get("_xsrf");
    const form = body instanceof URLSearchParams;
    const headers = {
      cookie: [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; "),
      "sec-fetch-mode": method === "GET" || form ? "navigate" : "same-origin",
      ...(xsrf && method !== "GET" && { "x-xsrftoken": xsrf }),
      ...(body !== undefined && {
        "content-type": form ? "application/x-www-form-urlencoded" : "application/json",
      }),
      ...(this.#token && path.startsWith("/user/") && { authorization: `token ${this.#token}` }),
    };
    const request = this.#base.startsWith("https:") ? tlsRequest : plainRequest;
    return new Promise((resolve, reject) => {
      const sent = request(`${this.#base}${path}`, { method, headers, agent: this.#agent }, (answer) => {
        let text = "";
        answer.setEncoding("utf8");
        answer.on("data", (chunk: string) => {
          text += chunk;
        });
        answer.on("error", reject);
        answer.on("end", () => resolve({ status: answer.statusCode ?? 0, text, headers: answer.headers }));
        for (const cookie of answer.headers["set-cookie"] ?? []) {
          const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
          if (!path.startsWith("/user/")) this.#cookies.set(name, value);
        }
      });
      sent.on("error", reject);
      sent.end(body === undefined ? undefined : String(body));
    });
  }

  /** Tries to log in, and answers with the status: 302 leads on, anything else is a refusal. */
  async login(name: string, password: string): Promise<number> {
    this.#cookies.clear();
    await this.request("GET", "/hub/login");
    const xsrf = this.#cookies.get("_xsrf") ?? "";
    const form = new URLSearchParams({ username: name, password, _xsrf: xsrf });
    const { status } = await this.request("POST", "/hub/login", form);
    if (status === 302) await this.request("GET", "/hub/home");
    return status;
  }

  async #json<T>(method: string, path: string, body?: unknown): Promise<T> {
    const sent = body === undefined ? undefined : JSON.stringify(body);
    const { status, text } = await this.request(method, path, sent);
    if (status >= 400) throw new Error(`${method} ${path} answered ${status}: ${text.slice(0, 300)}`);
    return (text === "" ? undefined : JSON.parse(text)) as T;
  }

  /** Starts this user's notebook and waits until it answers. */
  async spawn(name: string, seconds: number): Promise<void> {
    const user = encodeURIComponent(name);
    await this.#json("POST", `/hub/api/users/${user}/server`, {});
    await this.answers(name, seconds);
  }

  /** Waits until the user's notebook is ready, and takes a token for it. */
  async answers(name: string, seconds: number): Promise<void> {
    const user = encodeURIComponent(name);
    const end = Date.now() + seconds * 1000;
    for (;;) {
      const { servers } = await this.#json<{
        servers: Record<string, { ready: boolean; pending: string | null }>;
      }>("GET", `/hub/api/users/${user}`);
      const server = servers[""];
      if (server?.ready) break;
      if (!server?.pending) throw new Error(`the notebook of ${name} did not start`);
      if (Date.now() > end) throw new Error(`the notebook of ${name} was not ready within ${seconds} s`);
      await sleep(500);
    }
    const made = await this.#json<{ token: string }>("POST", `/hub/api/users/${user}/tokens`, {
      note: "acceptance",
      expires_in: 3600,
    });
    this.#token = made.token;
  }

  /** Whether the hub knows of a running notebook of this user. */
  async runs(name: string): Promise<boolean> {
    const found = await this.#json<{ servers: Record<string, unknown> }>(
      "GET",
      `/hub/api/users/${encodeURIComponent(name)}`,
    );
    return found.servers[""] !== undefined;
  }

  /** Stops the user's notebook. */
  async stop(name: string): Promise<void> {
    await this.#json("DELETE", `/hub/api/users/${encodeURIComponent(name)}/server`);
    for (let i = 0; i < 120 && (await this.runs(name)); i++) await sleep(500);
  }

  /** The names of the files in a folder of the user's home. */
  async files(name: string, folder: string): Promise<string[]> {
    const path = `${notebookPath(name)}/api/contents${folder && `/${folder}`}`;
    const { content } = await this.#json<{ content: { name: string }[] }>("GET", path);
    return content.map((entry) => entry.name).sort();
  }

  /** Writes a text file to the user's home. */
  async write(name: string, file: string, content: string): Promise<void> {
    const path = `${notebookPath(name)}/api/contents/${file}`;
    await this.#json("PUT", path, { type: "file", format: "text", content });
  }

  /** A file of the user's home, as it comes. */
  async download(name: string, file: string): Promise<IncomingMessage> {
    const sent = plainRequest(`${this.#base}${notebookPath(name)}/files/${file}`, {
      headers: { authorization: `token ${this.#token}` },
    });
    sent.end();
    const [answer] = (await once(sent, "response")) as [IncomingMessage];
    if (answer.statusCode !== 200) throw new Error(`${file} answered ${answer.statusCode}`);
    return answer;
  }

  /** Uploads a file to the user's home as JupyterLab does: a request for each piece. */
  async upload(name: string, file: string, pieces: Iterable<Buffer>, last: number): Promise<void> {
    const path = `${notebookPath(name)}/api/contents/${file}`;
    let chunk = 0;
    for (const piece of pieces) {
      chunk += 1;
      const content = piece.toString("base64");
      const body = { type: "file", format: "base64", content, chunk: chunk === last ? -1 : chunk };
      await this.#json("PUT", path, body);
    }
  }

  /** The code of a notebook's cells. */
  async cells(name: string, notebook: string): Promise<string[]> {
    const path = `${notebookPath(name)}/api/contents/${notebook}`;
    const { content } = await this.#json<{ content: { cells: Cell[] } }>("GET", path);
    return content.cells.filter((cell) => cell.cell_type === "code").map((cell) => cell.source);
  }

  /**
   * Runs pieces of code one after another in a new kernel. The first that fails is an error with its
   * traceback.
   */
  async run(name: string, code: readonly string[], seconds: number): Promise<Output[]> {
    const kernel = await this.startKernel(name);
    const socket = await this.#channels(name, kernel);
    try {
      const outputs: Output[] = [];
      for (const source of code) outputs.push(await execute(socket, source, seconds));
      return outputs;
    } finally {
      socket.close();
      await this.request("DELETE", `${notebookPath(name)}/api/kernels/${kernel}`);
    }
  }

  /** Starts a kernel, and answers with its id. */
  async startKernel(name: string): Promise<string> {
    const path = `${notebookPath(name)}/api/kernels`;
    return (await this.#json<{ id: string }>("POST", path, {})).id;
  }

  /** Runs code in a kernel and goes away when it says its first words, as a page that is closed. */
  async leaveRunning(name: string, kernel: string, code: string, firstWords: string): Promise<void> {
    const socket = await this.#channels(name, kernel);
    const heard = new Promise<void>((resolve) => {
      socket.addEventListener("message", (event) => {
        if (String((JSON.parse(String(event.data)) as Message).content.text).includes(firstWords)) resolve();
      });
    });
    send(socket, randomUUID(), code);
    await heard;
    socket.close();
  }

  /** The kernels of the user's notebook, and what each does. */
  kernels(name: string): Promise<{ readonly id: string; readonly execution_state: string }[]> {
    return this.#json("GET", `${notebookPath(name)}/api/kernels`);
  }

  async #channels(name: string, kernel: string): Promise<WebSocket> {
    const base = this.#base.replace(/^http/, "ws");
    const url = `${base}${notebookPath(name)}/api/kernels/${kernel}/channels`;
    const dispatcher = dispatcherFor(this.#way);
    const headers = { authorization: `token ${this.#token}` };
    const socket = new WebSocket(url, { headers, ...(dispatcher && { dispatcher }) });
    await new Promise<void>((resolve, reject) => {
      socket.addEventListener("open", () => resolve());
      socket.addEventListener("error", () => reject(new Error("the kernel's websocket did not open")));
    });
    return socket;
  }
}

/** Where a user's notebook is, below the hub's own address. */
const notebookPath = (name: string): string => `/user/${encodeURIComponent(name)}`;

function send(socket: WebSocket, id: string, code: string): void {
  const header = {
    msg_id: id,
    username: "",
    session: id,
    msg_type: "execute_request",
    version: "5.3",
    date: "",
  };
  const content = { code, silent: false, store_history: true, user_expressions: {}, allow_stdin: false };
  const message = { header, parent_header: {}, metadata: {}, content, channel: "shell", buffers: [] };
  socket.send(JSON.stringify(message));
}

function execute(socket: WebSocket, code: string, seconds: number): Promise<Output> {
  const id = randomUUID();
  return new Promise((resolve, reject) => {
    let output = "";
    const done = (act: () => void) => {
      clearTimeout(timer);
      socket.removeEventListener("message", hear);
      act();
    };
    const timer = setTimeout(
      () => done(() => reject(new Error(`a cell had not ended after ${seconds} s:\n${code}\n${output}`))),
      seconds * 1000,
    );
    const hear = (event: MessageEvent) => {
      const { parent_header, msg_type, content } = JSON.parse(String(event.data)) as Message;
      if (parent_header.msg_id !== id) return;
      const data = content.data as Record<string, string> | undefined;
      if (msg_type === "stream") output += String(content.text);
      else if (data?.["text/plain"]) output += `${data["text/plain"]}\n`;
      else if (msg_type === "error")
        done(() => reject(new Error(`${code}\n${(content.traceback as string[]).join("\n")}`)));
      else if (msg_type === "status" && content.execution_state === "idle") done(() => resolve(output));
    };
    socket.addEventListener("message", hear);
    send(socket, id, code);
  });
}
