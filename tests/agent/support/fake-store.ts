/** As much of VictoriaLogs as the agent uses, in memory. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

export interface Row {
  readonly _time: string;
  readonly _msg: string;
  readonly service: string;
  readonly workload: string;
  readonly container: string;
  readonly stream: string;
  readonly level: string;
}

export class FakeStore {
  rows: Row[] = [];
  /** When its process has started. */
  started = 1_000;
  /** Answers nothing while this is set. */
  down = false;
  #server: Server | undefined;

  async start(): Promise<string> {
    const server = createServer(async (request, response) => {
      const body = Buffer.concat(await request.toArray()).toString();
      const path = (request.url ?? "").split("?")[0];
      if (this.down) return void request.socket.destroy();
      const send = (text: string) => void response.end(text);
      if (path === "/internal/force_flush") return send("");
      if (path === "/metrics") return send(`process_start_time_seconds ${this.started}\n`);
      if (path === "/insert/jsonline") {
        for (const line of body.split("\n").filter(Boolean)) this.rows.push(JSON.parse(line));
        return send("");
      }
      const query = new URLSearchParams(body).get("query") ?? "";
      send(this.#find(query, new URLSearchParams(body).get("limit")));
    });
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server?.closeAllConnections();
    await new Promise((resolve) => this.#server?.close(resolve));
  }

  /** Texts of a container, in the order of time. */
  texts(container: string): string[] {
    const rows = this.rows.filter((row) => row.container === container);
    return rows.sort((a, b) => (a._time < b._time ? -1 : 1)).map(({ _msg }) => _msg);
  }

  #find(query: string, limit: string | null): string {
    const [, container, from = ""] = /^\{container=("[^}]*")\}(?: _time:>=(\S+))? \|/.exec(query) ?? [];
    const phrase = /^_time:5m ("[^|]*") \|/.exec(query)?.[1];
    const found = this.rows.filter((row) =>
      phrase === undefined
        ? row.container === JSON.parse(container ?? '""') && row._time >= from
        : row._msg.includes(JSON.parse(phrase)),
    );
    found.sort((a, b) => (a._time > b._time ? -1 : 1));
    const rows = limit === null ? found : found.slice(0, Number(limit));
    return rows.map(({ _time, stream }) => `${JSON.stringify({ _time, stream })}\n`).join("");
  }
}
