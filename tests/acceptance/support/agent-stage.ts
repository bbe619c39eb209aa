/** An agent and a log store on real Docker, without the rest of the platform. */
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { imageTag } from "../../../src/images/catalog.ts";
import { noteStack } from "./started-stacks.ts";

const root = resolve(import.meta.dirname, "../../..");
export const stack = "accagent";
export const prefix = `datalab-${stack}-`;
export const network = `datalab-${stack}`;
/** Below the range that the kernel takes ports of outgoing connections from, and no other stage's. */
const ports = { store: 31_428, agent: 31_080, door: 31_375 } as const;
export const urls = {
  store: `http://127.0.0.1:${ports.store}`,
  agent: `http://127.0.0.1:${ports.agent}`,
  door: `http://127.0.0.1:${ports.door}`,
} as const;
export const proxyLogin = { user: "hub", password: "door-0123456789abcdef" } as const;
const storeLogin = `Basic ${btoa("logs:store-0123456789abcdef")}`;

/** Runs Docker's client; throws with its words when it fails. */
export function docker(...args: readonly string[]): string {
  const ran = spawnSync(process.env.DATALAB_DOCKER ?? "docker", args, {
    encoding: "utf8",
    maxBuffer: 2 ** 26,
  });
  if (ran.status !== 0) throw new Error(`docker ${args.slice(0, 3).join(" ")}: ${ran.stderr}`);
  return ran.stdout.trim();
}

export const label = (workload: string, service = workload): string[] => [
  ...["--label", `datalab.stack=${stack}`, "--label", `datalab.service=${service}`],
  ...["--label", `datalab.workload=${workload}`],
];

const confined = ["--user", "10001:10001", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL"];

export class AgentStage {
  #folder = "";

  open(): void {
    noteStack(stack);
    this.clean();
    const built = spawnSync(join(root, "datalab"), ["images", "build", "core", "services"], {
      encoding: "utf8",
    });
    if (built.status !== 0) throw new Error(`the images can't be built: ${built.stderr}`);
    this.#folder = mkdtempSync(join(tmpdir(), "datalab-agent-"));
    chmodSync(this.#folder, 0o755); // read by the containers' own user
    const config = {
      stack,
      instancePrefix: prefix,
      source: "docker",
      logs: {
        url: "http://logs:9428",
        workload: "logs",
        user: "logs",
        password: "store-0123456789abcdef",
      },
      spawner: {
        user: proxyLogin.user,
        token: proxyLogin.password,
        image: imageTag("base"),
        network,
        service: "jupyterhub",
        home: "/data",
        memoryBytes: 64 * 2 ** 20,
        maxMemoryBytes: 128 * 2 ** 20,
        milliCpu: 500,
        maxMilliCpu: 1000,
        pids: 100,
        tmpBytes: 2 ** 20,
      },
    };
    writeFileSync(join(this.#folder, "agent.json"), JSON.stringify(config));
    writeFileSync(join(this.#folder, "password"), "store-0123456789abcdef");
    docker("network", "create", "--label", `datalab.stack=${stack}`, network);
    docker("volume", "create", "--label", `datalab.stack=${stack}`, `${prefix}logs-data`);
  }

  startStore(): void {
    docker(
      ...["run", "--detach", "--name", `${prefix}logs`, ...label("logs"), ...confined],
      ...["--network", network, "--network-alias", "logs", "--publish", `127.0.0.1:${ports.store}:9428`],
      ...["--volume", `${prefix}logs-data:/data`, "--volume", `${this.#folder}:/run/datalab:ro`],
      ...[imageTag("services"), "victoria-logs", "-httpListenAddr=:9428", "-storageDataPath=/data"],
      ...["-httpAuth.username=logs", "-httpAuth.password=file:///run/datalab/password"],
    );
  }

  startAgent(): void {
    const socket = "/var/run/docker.sock";
    docker(
      ...["run", "--detach", "--name", `${prefix}agent`, ...label("agent"), ...confined],
      ...["--network", network, "--group-add", String(statSync(socket).gid), "--memory", "128m"],
      ...["--publish", `127.0.0.1:${ports.agent}:7080`, "--publish", `127.0.0.1:${ports.door}:2375`],
      ...["--volume", `${socket}:${socket}:ro`, "--volume", `${this.#folder}:/run/datalab:ro`],
      ...["--env", "UV_THREADPOOL_SIZE=1", imageTag("core"), "node"],
      ...["--max-old-space-size=64", "--max-semi-space-size=1", "--v8-pool-size=1", "/opt/core/agent.mjs"],
    );
  }

  /** Starts a container that runs this script. */
  start(workload: string, script: string): void {
    docker(
      ...["run", "--detach", "--name", `${prefix}${workload}`, ...label(workload), ...confined],
      ...["--network", network, imageTag("base"), "bash", "-c", script],
    );
  }

  async query<Row = Record<string, string>>(query: string): Promise<Row[]> {
    const answer = await fetch(`${urls.store}/select/logsql/query`, {
      method: "POST",
      headers: { authorization: storeLogin },
      body: new URLSearchParams({ query }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(text);
    return text
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  }

  /** Lines of a workload in the order of their time. */
  async lines(workload: string): Promise<string[]> {
    const rows = await this.query<{ _time: string; _msg: string }>(
      `{workload="${workload}"} | fields _time, _msg`,
    );
    const nine = (at: string) => at.replace(/(?:\.(\d+))?Z$/, (_, f = "") => `.${f.padEnd(9, "0")}`);
    return rows
      .map(({ _time, _msg }) => [nine(_time), _msg] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, text]) => text);
  }

  /** Whatever happened: nothing is left on this machine. */
  clean(): void {
    const wanted = ["--filter", `label=datalab.stack=${stack}`];
    const each = (list: string, remove: readonly string[]) => {
      const names = list.split("\n").filter(Boolean);
      if (names.length > 0) docker(...remove, ...names);
    };
    each(docker("ps", "--all", "--quiet", ...wanted), ["rm", "--force", "--volumes"]);
    each(docker("network", "ls", "--quiet", ...wanted), ["network", "rm"]);
    each(docker("volume", "ls", "--quiet", ...wanted), ["volume", "rm"]);
    if (this.#folder) rmSync(this.#folder, { recursive: true, force: true });
  }
}
