import { z } from "zod";
import { basicAuth } from "../model/basic-auth.ts";
import { curl } from "../model/curl.ts";
import { lakeBuckets, lakeEnv, lakeLayers } from "../model/lake-env.ts";
import { bucket, database, endpoint, secret } from "../model/needs.ts";
import { type Text, t } from "../model/refs.ts";
import { type CheckContext, defineService, type PartContext } from "../model/service.ts";
import { cpuPattern, durationPattern, parseDuration, sizePattern } from "../model/units.ts";
import { pipelineRuns } from "./prefect/runs.ts";
import { lakeTables } from "./prefect/tables.ts";

const user = "admin";
/** Tag of deployments that are none of a person's pipelines. */
const systemTag = "datalab-system";
/** Buckets that hold tables. */

const needs = {
  db: database("prefect"),
  admin: secret({ user, opens: "Prefect" }),
  lake: bucket(...lakeBuckets),
  spark: endpoint("spark-connect", "connect", { optional: true }),
};
const options = z.strictObject({
  workerConcurrency: z
    .int()
    .min(1)
    .max(100)
    .default(4)
    .describe("Maximum number of concurrent flow runs per worker.")
    .meta({ owner: "sizes" }),
  retention: z
    .string()
    .regex(durationPattern, 'a duration such as "30d"')
    .default("30d")
    .describe("How long finished flow runs, their logs and events are kept."),
  maxRuns: z
    .int()
    .min(1)
    .max(500)
    .default(8)
    .describe("In a cluster: maximum number of concurrent flow runs, each a Job."),
  runMemory: z
    .string()
    .regex(sizePattern, 'a size such as "2Gi"')
    .default("2Gi")
    .describe("In a cluster: memory of a flow run if its pipeline does not set it."),
  runCpu: z
    .string()
    .regex(cpuPattern, 'cores such as "500m" or "2"')
    .default("500m")
    .describe("In a cluster: CPU share of a flow run if its pipeline does not set it."),
});
type Context = PartContext<typeof needs, z.output<typeof options>>;

/** Nothing is written outside /tmp, and nothing is sent home. */
const common = {
  HOME: "/tmp",
  PREFECT_HOME: "/tmp/prefect",
  PREFECT_SERVER_ANALYTICS_ENABLED: "false",
  DO_NOT_TRACK: "1",
};

/**
 * How often the server looks for what is due by the clock, where its own few seconds serve nobody: a run that
 * is called late, a pause that has run out, a worker that has gone, what a cancelled run has left, and
 * automations that wait in vain.
 */
const serverPauses = {
  PREFECT_SERVER_SERVICES_LATE_RUNS_LOOP_SECONDS: "15",
  PREFECT_SERVER_SERVICES_PAUSE_EXPIRATIONS_LOOP_SECONDS: "60",
  PREFECT_SERVER_SERVICES_FOREMAN_LOOP_SECONDS: "30",
  PREFECT_SERVER_SERVICES_CANCELLATION_CLEANUP_LOOP_SECONDS: "60",
  PREFECT_SERVER_SERVICES_CLEANUP_RECONCILER_LOOP_SECONDS: "60",
  PREFECT_SERVER_SERVICES_SCHEDULER_RECENT_DEPLOYMENTS_LOOP_SECONDS: "10",
  PREFECT_SERVER_EVENTS_PROACTIVE_GRANULARITY: "PT15S",
};

/** What every process that runs pipeline code gets: the way to the API, and to the lake. */
function clientEnv(ctx: Context) {
  const { lake, admin } = ctx.needs;
  return {
    ...common,
    PREFECT_API_URL: t`${ctx.address("main", "api", "url")}/api`,
    // Logs tell people where to look: where their browser gets to.
    PREFECT_UI_URL: ctx.publicUrl("main", "api"),
    PREFECT_API_AUTH_STRING: t`${user}:${admin}`,
    DATALAB_STACK: ctx.stack,
    ...lakeEnv(lake),
  };
}

/** `datalab.prefect.worker`: on one host, runs are its processes; in a cluster, each run is a Job. */
const workerArguments = ({ cluster, options }: Context) =>
  cluster
    ? ["--pool", "default", "--type", "kubernetes"]
    : [
        ...["--name", "worker", "--pool", "default", "--type", "process"],
        ...["--limit", String(options.workerConcurrency)],
      ];

/** What the worker knows of the cluster; see pipelines/datalab/prefect/flow_jobs.py. */
const clusterEnv = ({ cluster, options }: Context) =>
  cluster && {
    DATALAB_NAMESPACE: cluster.namespace,
    DATALAB_RUN_TEMPLATE: "/run/datalab/spawn-run.json",
    DATALAB_MAX_RUNS: String(options.maxRuns),
    PREFECT_INTEGRATIONS_KUBERNETES_OBSERVER_NAMESPACES: cluster.namespace,
  };

/** Spark Connect for flow runs, which inherit the worker's environment; empty without Spark. */
function sparkEnv({ needs: { spark } }: Context): Readonly<Record<string, Text>> {
  if (!spark) return {};
  const login = spark.password ? t`;authorization=Bearer%20${spark.password}` : "";
  return { SPARK_REMOTE: t`sc://${spark.host}:${spark.port}/${login}` };
}

/** Runs the deployment of the registration part: server, database, worker and the run's process. */
async function roundTrip({ endpoints, secrets, signal }: CheckContext): Promise<string | undefined> {
  const api = `${endpoints["main.api"]}/api`;
  const headers = {
    authorization: basicAuth({ user, password: secrets.admin as string }),
    "content-type": "application/json",
  };
  const call = async (method: string, path: string, body?: unknown, abort: AbortSignal | null = signal) => {
    const answer = await fetch(`${api}${path}`, {
      method,
      headers,
      signal: abort,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${method} ${path} answered ${answer.status}`);
    return answer.status === 204 ? undefined : ((await answer.json()) as Record<string, unknown>);
  };

  const deployment = await call("GET", "/deployments/name/datalab-health/roundtrip");
  const run = await call("POST", `/deployments/${deployment?.id}/create_flow_run`, {
    state: { type: "SCHEDULED", message: "health check" },
    tags: ["datalab-health"],
  });
  try {
    for (;;) {
      const { state_type: state } = (await call("GET", `/flow_runs/${run?.id}`)) as { state_type: string };
      if (state === "COMPLETED") return undefined;
      if (["FAILED", "CRASHED", "CANCELLED"].includes(state))
        throw new Error(`the flow run ended as ${state}`);
      await new Promise((resolve) => setTimeout(resolve, 250));
      signal.throwIfAborted();
    }
  } finally {
    // Its outcome stands in the check's history; the run itself would only fill people's lists.
    await call("DELETE", `/flow_runs/${run?.id}`, undefined, AbortSignal.timeout(2000)).catch(() => {});
  }
}

export const prefect = defineService({
  name: "prefect",
  summary: "Prefect: schedules and runs the pipelines.",
  version: "3.8.8",
  needs,
  provides: { orchestrator: { part: "main", endpoint: "api" } },
  options,
  parts: {
    main: {
      image: "python",
      uses: ["db", "admin"],
      // `prefect server start`, less restless.
      command: () => ["python", "-m", "datalab.prefect.server", "--host", "0.0.0.0", "--port", "4200"],
      env: ({ needs, options, publicUrl }) => ({
        ...common,
        PREFECT_SERVER_DATABASE_CONNECTION_URL: t`postgresql+asyncpg://${needs.db.user}:${needs.db.password}@${needs.db.host}:${needs.db.port}/${needs.db.name}`,
        PREFECT_SERVER_API_AUTH_STRING: t`${user}:${needs.admin}`,
        PREFECT_UI_API_URL: t`${publicUrl("main", "api")}/api`,
        PREFECT_UI_STATIC_DIRECTORY: "/tmp/ui",
        PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT: "false",
        // How soon a run that waits for its pipeline's other run asks again; the default is 30 s.
        PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS: "5",
        ...serverPauses,
        PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED: "events,flow_runs",
        PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD: String(parseDuration(options.retention)),
        PREFECT_SERVER_EVENTS_RETENTION_PERIOD: `PT${parseDuration(options.retention)}S`,
      }),
      endpoints: {
        api: {
          port: 4200,
          protocol: "http",
          summary: "the UI and API",
          published: 4200,
          browser: true,
          login: "admin",
          // The gateway has checked the login; the page calls the host name that it was opened with.
          answers: { "/ui-settings": { auth: null, api_url: "/api" } },
          // Their first message carries the login.
          selfGuarded: ["/api/events/in", "/api/events/out", "/api/logs/out"],
        },
      },
      probe: {
        command: curl("http://127.0.0.1:4200/api/health", { maxSeconds: 3 }),
        within: "90s",
      },
      resources: { cpu: "500m", memory: "768Mi" },
      tmp: "256Mi",
      // Its state is the database's. Two for long would need a broker between them; two for seconds do not.
      updateOrder: "start-first",
    },
    worker: {
      image: "python",
      uses: ["lake", "spark"],
      after: [{ part: "main", endpoint: "api" }],
      // It cleans up after a killed worker, then becomes Prefect's worker:
      // pipelines/datalab/prefect/worker.py.
      command: (ctx) => [
        ...["python", "-m", "datalab.prefect.worker", "start"],
        ...workerArguments(ctx),
        "--with-healthcheck",
      ],
      env: (ctx) => ({
        ...clientEnv(ctx),
        ...sparkEnv(ctx),
        PREFECT_WORKER_QUERY_SECONDS: "1",
        PREFECT_WORKER_WEBSERVER_HOST: "0.0.0.0",
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY: "180",
        ...clusterEnv(ctx),
      }),
      endpoints: {
        health: { port: 8080, protocol: "http", summary: "the worker's health", path: "/health" },
      },
      probe: {
        command: curl("http://127.0.0.1:8080/health", { maxSeconds: 3 }),
        within: "120s",
      },
      resources: { cpu: "500m", memory: "2Gi" },
      tmp: "1Gi",
      stopGrace: "15s",
      drain: {
        command: ["python", "-m", "datalab.prefect.worker", "drain", "--within", "60"],
        within: "90s",
      },
      scalable: true,
      spawns: {
        run: {
          summary: "flow runs",
          image: "python",
          kind: "Job",
          env: (ctx) => ({ ...clientEnv(ctx), ...sparkEnv(ctx) }),
          resources: ({ options }) => ({ cpu: options.runCpu, memory: options.runMemory }),
          tmp: "1Gi",
          atMost: ({ options }) => options.maxRuns,
        },
      },
      tools: { lake: { command: ["python", "-m", "datalab.lake_cli"], bucket: "lake" } },
    },
    register: {
      image: "pipelines",
      uses: ["lake"],
      after: [{ part: "main", endpoint: "api" }],
      oneShot: true,
      command: () => ["python", "-m", "datalab.prefect.register"],
      env: (ctx) => ({ ...clientEnv(ctx), ...(ctx.cluster && { DATALAB_POOL_TYPE: "kubernetes" }) }),
      files: ({ pipelines }) => ({ "pipelines.json": JSON.stringify({ pipelines }, undefined, 2) }),
      resources: { cpu: "500m", memory: "512Mi" },
    },
  },
  checks: {
    api: { summary: "The API answers.", http: { part: "main", endpoint: "api", path: "/api/health" } },
    worker: {
      summary: "The worker polls the server for runs.",
      http: { part: "worker", endpoint: "health", path: "/health" },
    },
    "flow-run": {
      summary: "A flow run is created, picked up by a worker and completed.",
      every: "10m",
      timeout: "60s",
      secrets: ["admin"],
      run: roundTrip,
    },
  },
  collectors: {
    runs: {
      summary: "Runs of every pipeline: results, durations, lateness.",
      every: "10s",
      timeout: "30s",
      secrets: ["admin"],
      run: pipelineRuns(systemTag),
    },
    tables: {
      summary: "Every table of the lake: version, time of the last write, rows and bytes.",
      every: "30s",
      timeout: "20s",
      needs: { lake: bucket(...lakeLayers) },
      run: lakeTables(lakeLayers),
    },
  },
  backup: "its state is in its database",
});
