import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type AgentConfig, readAgentConfig } from "./config.ts";
import { DockerApi } from "./docker/api.ts";
import { DockerSource } from "./docker/source.ts";
import { type ApiOptions, KubernetesApi } from "./kubernetes/api.ts";
import { KubernetesSource } from "./kubernetes/source.ts";
import { metricsText } from "./metrics.ts";
import { Shipper } from "./shipper.ts";
import type { ContainerSource } from "./source.ts";
import { createDockerProxy } from "./spawner.ts";

export interface AgentOptions {
  /** Folder of agent.json. */
  readonly directory: string;
  /** Path of Docker's socket. */
  readonly socket: string;
  /** Where the cluster's API is, asked for when the configuration says that containers are pods. */
  readonly cluster: () => ApiOptions;
  readonly address: string;
  readonly port: number;
  readonly proxyPort: number;
  readonly log?: (line: string) => void;
}

export interface Agent {
  readonly port: number;
  /** null: there is no Docker proxy. */
  readonly proxyPort: number | null;
  stop(): Promise<void>;
}

/** Starts everything that the agent does: it measures, ships logs and serves the Docker proxy. */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const write = options.log ?? ((line) => process.stderr.write(`${line}\n`));
  const log = (line: string) => write(`${new Date().toISOString()} ${line}`);
  const config = await readAgentConfig(options.directory);
  const stop = new AbortController();

  const source = sourceOf(config, options, log);
  const { containers } = source;
  const shipper = config.logs && new Shipper(source, config.logs, log);
  const proxy =
    config.spawner &&
    createDockerProxy(new DockerApi(options.socket), { ...config, spawner: config.spawner }, log);
  const sources = { stack: config.stack, source, shipping: shipper?.state, proxy: proxy?.counts };

  const server = createServer({ headersTimeout: 5_000, requestTimeout: 30_000 }, (request, response) => {
    const path = request.url?.split("?")[0];
    const send = (status: number, type: string, body: string) => {
      response.writeHead(status, { "content-type": type, "cache-control": "no-store" });
      response.end(body);
    };
    if (request.method !== "GET") return send(405, "text/plain", "only GET is answered\n");
    if (path === "/livez") {
      const ok = containers.ready;
      return send(ok ? 200 : 503, "application/json", JSON.stringify({ ok }));
    }
    if (path === "/state") return send(200, "application/json", JSON.stringify(stateOf(sources)));
    if (path === "/roundtrip") {
      if (!shipper) return send(200, "text/plain", "this stack has no log store\n");
      shipper.roundTrip().then(
        (text) => send(200, "text/plain", `${text}\n`),
        (error: Error) => send(503, "text/plain", `${error.message}\n`),
      );
      return;
    }
    if (path !== "/metrics") {
      return send(404, "text/plain", "there are /livez, /state, /roundtrip and /metrics\n");
    }
    metricsText(sources).then(
      (text) => send(200, "text/plain; version=0.0.4; charset=utf-8", text),
      (error: Error) => {
        log(`/metrics: ${error.stack}`);
        send(500, "text/plain", "the agent's log says why\n");
      },
    );
  });

  const tasks = [source.run(stop.signal), shipper?.run(stop.signal)];
  const port = await listen(server, options.port, options.address);
  const proxyPort = proxy && (await listen(proxy.server, options.proxyPort, options.address));
  const what = [
    `containers from ${source.name}`,
    `metrics on port ${port}`,
    config.logs ? `logs to ${config.logs.url}` : "no log store",
    proxyPort ? `Docker proxy on port ${proxyPort}` : "no Docker proxy",
  ];
  log(`agent of stack ${config.stack}: ${what.join(", ")}`);

  return {
    port,
    proxyPort,
    async stop() {
      stop.abort();
      for (const each of [server, proxy?.server]) {
        each?.close();
        each?.closeAllConnections();
      }
      await Promise.all(tasks);
    },
  };
}

function sourceOf(
  { stack, source }: AgentConfig,
  { socket, cluster }: AgentOptions,
  log: (line: string) => void,
): ContainerSource {
  if (source === "docker") return new DockerSource(new DockerApi(socket), stack, log);
  const { namespace } = source.kubernetes;
  return new KubernetesSource({ api: new KubernetesApi(cluster()), namespace, stack, log });
}

/** What checks ask for. */
function stateOf({ source, shipping }: { source: ContainerSource; shipping: Shipper["state"] | undefined }) {
  const { name, containers, measures } = source;
  return {
    source: name,
    follows: containers.ready,
    measures,
    containers: containers.all.length,
    shipping: shipping ?? null,
  };
}

function listen(server: Server, port: number, address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, address, () => resolve((server.address() as AddressInfo).port));
  });
}
