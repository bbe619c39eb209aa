import { z } from "zod";
import { curl } from "../model/curl.ts";
import { endpoint, secret } from "../model/needs.ts";
import { json } from "../model/refs.ts";
import { type CheckContext, defineService, type PartContext } from "../model/service.ts";
import { cpuPattern, parseCpu, parseSize, sizePattern } from "../model/units.ts";
import { version } from "../version.ts";

const hub = "hub";
/** Whose containers it may start. Without that service there is no Docker proxy. */
const spawnsFor = { service: "jupyterhub", image: "notebook", home: "/home/notebook" } as const;

const size = (value: string, text: string) =>
  z
    .string()
    .regex(sizePattern, 'a size such as "1Gi"')
    .default(value)
    .describe(text)
    .meta({ owner: "sizes" });
const cpu = (value: string, text: string) =>
  z
    .string()
    .regex(cpuPattern, 'cores such as "500m" or "2"')
    .default(value)
    .describe(text)
    .meta({ owner: "sizes" });

const needs = {
  spawner: secret({ user: hub, opens: "the agent's restricted Docker API, for JupyterHub" }),
  logs: endpoint("logs", "api", { optional: true }),
};
const options = z.strictObject({
  notebookMemory: size("1Gi", "Memory of a spawned notebook when the hub asks for none."),
  notebookMaxMemory: size("4Gi", "Most memory that the hub may ask for one notebook."),
  notebookCpu: cpu("1", "Cores of a spawned notebook when the hub asks for none."),
  notebookMaxCpu: cpu("2", "Most cores that the hub may ask for one notebook."),
  notebookProcesses: z
    .int()
    .min(64)
    .max(4096)
    .default(512)
    .describe("Maximum number of processes and threads of a notebook."),
});
type Context = PartContext<typeof needs, z.output<typeof options>>;

/**
 * What the Docker proxy lets through; see src/agent/spawner.ts. In a cluster the hub asks the cluster itself.
 */
function spawner({ needs, options, platform, image, networkName, cluster }: Context) {
  if (cluster || !platform.services.some(({ name }) => name === spawnsFor.service)) return null;
  return {
    user: hub,
    token: needs.spawner,
    image: image(spawnsFor.image),
    network: networkName,
    service: spawnsFor.service,
    home: spawnsFor.home,
    memoryBytes: parseSize(options.notebookMemory),
    maxMemoryBytes: parseSize(options.notebookMaxMemory),
    milliCpu: parseCpu(options.notebookCpu),
    maxMilliCpu: parseCpu(options.notebookMaxCpu),
    pids: options.notebookProcesses,
    tmpBytes: 256 * 2 ** 20,
  };
}

/**
 * The agent writes a line to its own log and finds it in the store: what runs it, agent and store work
 * together.
 */
async function lineArrives({ endpoints, signal }: CheckContext): Promise<string> {
  const answer = await fetch(`${endpoints["main.metrics"]}/roundtrip`, { signal });
  const text = (await answer.text()).trim();
  if (!answer.ok) throw new Error(text);
  return text;
}

export const agent = defineService({
  name: "agent",
  summary:
    "Container metrics and log shipping for the whole stack; on Docker the narrow door that notebooks are spawned through.",
  version,
  needs,
  options,
  parts: {
    main: {
      image: "core",
      host: ["containers"],
      // Few threads and a small heap: it has little to compute, and it runs on every host.
      command: () => [
        ...["node", "--max-old-space-size=64", "--max-semi-space-size=1", "--v8-pool-size=1"],
        "/opt/core/agent.mjs",
      ],
      env: () => ({ UV_THREADPOOL_SIZE: "1" }),
      files: (ctx) => ({
        "agent.json": json({
          stack: ctx.stack,
          instancePrefix: ctx.instancePrefix,
          source: ctx.cluster ? { kubernetes: { namespace: ctx.cluster.namespace } } : "docker",
          logs: ctx.needs.logs && {
            url: ctx.needs.logs.url,
            workload: "logs",
            user: ctx.needs.logs.user ?? "",
            password: ctx.needs.logs.password ?? "",
          },
          spawner: spawner(ctx),
        }),
      }),
      endpoints: {
        metrics: { port: 7080, protocol: "http", summary: "metrics of all containers", path: "/metrics" },
        docker: {
          // In a cluster notebooks are the hub's own: there is no Docker proxy.
          enabled: (_, { cluster }) => cluster === null,
          port: 2375,
          protocol: "http",
          scheme: "tcp",
          summary: "the filtered Docker API",
          login: "spawner",
        },
      },
      metrics: { main: { endpoint: "metrics" } },
      probe: {
        command: curl("http://127.0.0.1:7080/livez"),
        within: "20s",
      },
      resources: { cpu: "100m", memory: "128Mi" },
    },
  },
  checks: {
    containers: {
      summary: "It follows the events of the stack's containers.",
      http: { part: "main", endpoint: "metrics", path: "/livez" },
    },
    "log-arrives": {
      summary: "A line that a container writes arrives in the log store.",
      every: "5m",
      timeout: "20s",
      run: lineArrives,
    },
  },
  alerts: () => [
    {
      name: "LogsNotShipped",
      expr: "datalab_agent_log_store_up == 0",
      for: "2m",
      severity: "warning",
      summary:
        "Containers' logs do not reach the log store. The newest of each are kept where it runs meanwhile: 30 MB by Docker, one file of 10 MiB by most clusters.",
    },
    {
      name: "ContainersNotMeasured",
      expr: "datalab_agent_usage_measured == 0",
      for: "5m",
      severity: "info",
      summary: "CPU and memory usage of containers is unknown: the cluster has no metrics API.",
      description: "Install metrics-server in the cluster. Logs, restarts and states do not need it.",
    },
    {
      name: "SpawnerDoorRefuses",
      expr: 'increase(datalab_agent_door_requests_total{result="refused"}[10m]) > 0',
      for: "0s",
      severity: "warning",
      summary:
        "Somebody asked the agent's door to Docker for something that it does not do; its log says what.",
    },
  ],
  backup: "none: it holds no state",
});
