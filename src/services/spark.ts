import { z } from "zod";
import { curl } from "../model/curl.ts";
import { bucket, secret } from "../model/needs.ts";
import { type AlertRule, defineService, type PartContext } from "../model/service.ts";
import { durationPattern, parseDuration } from "../model/units.ts";
import { clusterIsWhole, sessionAnswers } from "./spark/checks.ts";
import {
  common,
  endWithMaster,
  eventLogUrl,
  executorMebibytes,
  executorOptions,
  java,
  properties,
  s3,
  sql,
  withEventLogs,
} from "./spark/config.ts";

const needs = {
  /** What the processes recognise each other by. */
  cluster: secret(),
  token: secret({ user: "token", opens: "Spark Connect" }),
  lake: bucket("bronze", "silver", "gold", "artifacts"),
};
const duration = z.string().regex(durationPattern, 'a duration such as "1h"');
const options = z.strictObject({
  workers: z.int().min(1).max(64).default(1).describe("How many workers there are."),
  cores: z.int().min(1).max(256).default(2).describe("Tasks that one worker runs at once."),
  idleTimeout: duration
    .default("60s")
    .describe("After how long without work an executor gives its memory back."),
  sessionTimeout: duration
    .default("1h")
    .describe("After how long without a call a session of a client ends."),
  historyRetention: duration.default("7d").describe("How long event logs are kept."),
});
type Options = z.output<typeof options>;
type Context = PartContext<typeof needs, Options>;

const deploy = "org.apache.spark.deploy";
const file = "/run/datalab/spark.conf";
/** One arena of the C library: with one a core and thread, a JVM at rest holds tens of MiB more. */
const environment = { HOME: "/tmp", SPARK_USER: "datalab", MALLOC_ARENA_MAX: "1" };
const answers = (url: string) => curl(url, { maxSeconds: 3, discard: true });

const shared = ({ needs, publicUrl }: Context) => common(needs.cluster, publicUrl("main", "ui"));
const executorMemory = ({ resources }: Context) => executorMebibytes(resources.worker?.memoryBytes ?? 0);

const master: readonly string[] = [
  ...java(96, 96),
  `${deploy}.master.Master`,
  ...["--host", "spark", "--port", "7077", "--webui-port", "8080", "--properties-file", file],
];

/** Where shuffles spill to: a volume, which replicas can't share; several workers have /tmp, which is memory. */
const scratch = ({ options }: Context) => (options.workers === 1 ? "/data" : "/tmp");

const worker = (ctx: Context): readonly string[] => [
  ...java(96, 96),
  `${deploy}.worker.Worker`,
  ...["--cores", String(ctx.options.cores), "--memory", `${executorMemory(ctx)}m`],
  ...[
    "--port",
    "7078",
    "--webui-port",
    "8081",
    "--work-dir",
    `${scratch(ctx)}/work`,
    "--properties-file",
    file,
  ],
  "spark://spark:7077",
];

const connect: readonly string[] = [
  ...java(512, 224),
  `${deploy}.SparkSubmit`,
  ...["--properties-file", file, "--class", "org.apache.spark.sql.connect.service.SparkConnectServer"],
  "spark-internal",
];

/** One application serves all sessions. It takes executors while there is work, and gives them back. */
function connectConf(ctx: Context) {
  const { needs, options } = ctx;
  return properties(shared(ctx), s3(needs.lake), sql, {
    "spark.master": "spark://spark:7077",
    "spark.app.name": "connect",
    "spark.metrics.namespace": "connect",
    "spark.connect.authenticate.token": needs.token,
    "spark.connect.grpc.binding.port": "15002",
    "spark.connect.session.manager.defaultSessionTimeout": `${parseDuration(options.sessionTimeout)}s`,
    "spark.ui.port": "4040",
    "spark.driver.port": "7079",
    "spark.driver.maxResultSize": "256m",
    "spark.executor.cores": String(options.cores),
    "spark.executor.memory": `${executorMemory(ctx)}m`,
    "spark.executor.extraJavaOptions": executorOptions,
    "spark.executor.logs.rolling.strategy": "size",
    "spark.executor.logs.rolling.maxSize": "10485760",
    "spark.executor.logs.rolling.maxRetainedFiles": "2",
    "spark.dynamicAllocation.enabled": "true",
    "spark.dynamicAllocation.shuffleTracking.enabled": "true",
    "spark.dynamicAllocation.shuffleTracking.timeout": `${2 * parseDuration(options.idleTimeout)}s`,
    "spark.dynamicAllocation.minExecutors": "0",
    "spark.dynamicAllocation.maxExecutors": String(options.workers),
    "spark.dynamicAllocation.executorIdleTimeout": `${parseDuration(options.idleTimeout)}s`,
    "spark.dynamicAllocation.cachedExecutorIdleTimeout": `${10 * parseDuration(options.idleTimeout)}s`,
    "spark.eventLog.enabled": "true",
    "spark.eventLog.dir": eventLogUrl,
    "spark.eventLog.rolling.enabled": "true",
    "spark.eventLog.rolling.maxFileSize": "10m",
  });
}

const historyConf = (ctx: Context) =>
  properties(s3(ctx.needs.lake), {
    "spark.history.fs.logDirectory": eventLogUrl,
    "spark.history.ui.port": "18080",
    "spark.history.fs.update.interval": "30s",
    "spark.history.fs.cleaner.enabled": "true",
    "spark.history.fs.cleaner.interval": "1h",
    "spark.history.fs.cleaner.maxAge": `${parseDuration(ctx.options.historyRetention)}s`,
    "spark.history.fs.numReplayThreads": "1",
    "spark.history.retainedApplications": "3",
    "spark.ui.retainedTasks": "1000",
  });

const history: readonly string[] = [
  ...java(160, 96),
  `${deploy}.history.HistoryServer`,
  "--properties-file",
  file,
];

const alerts = (options: Options): readonly AlertRule[] => [
  {
    name: "SparkWorkersMissing",
    expr: `metrics_master_aliveWorkers_Value < ${options.workers}`,
    for: "1m",
    severity: "critical",
    summary: `Fewer Spark workers than the ${options.workers} configured are alive.`,
    description: "See: services logs spark-worker",
  },
];

export const spark = defineService({
  name: "spark",
  summary: "Spark: SQL and DataFrames over the lake, for what does not fit one process.",
  version: "4.1.1",
  needs,
  options,
  parts: {
    main: {
      image: "spark",
      uses: ["cluster"],
      command: () => master,
      env: () => environment,
      files: (ctx) => ({ "spark.conf": properties(shared(ctx), { "spark.master.rest.enabled": "false" }) }),
      endpoints: {
        ui: {
          port: 8080,
          protocol: "http",
          summary: "the cluster's UI",
          published: 8080,
          browser: true,
          internal: ["/metrics"],
        },
        rpc: { port: 7077, protocol: "tcp", summary: "where workers and applications register" },
      },
      metrics: { main: { endpoint: "ui", path: "/metrics/prometheus/" } },
      probe: { command: answers("http://127.0.0.1:8080/json/"), within: "60s" },
      resources: { cpu: "100m", memory: "320Mi" },
    },
    worker: {
      image: "spark",
      uses: ["cluster"],
      after: [{ part: "main", endpoint: "rpc" }],
      replicas: (options) => options.workers,
      command: worker,
      env: (ctx) => ({ ...environment, SPARK_LOCAL_DIRS: `${scratch(ctx)}/local` }),
      files: (ctx) => ({
        "spark.conf": properties(shared(ctx), {
          "spark.worker.cleanup.enabled": "true",
          "spark.worker.cleanup.appDataTtl": "86400",
        }),
      }),
      endpoints: {
        ui: { port: 8081, protocol: "http", summary: "the worker's UI, reached through the master's" },
      },
      metrics: { main: { endpoint: "ui", path: "/metrics/prometheus/" } },
      probe: { command: answers("http://127.0.0.1:8081/json/"), within: "60s" },
      volumes: { scratch: { path: "/data", size: "10Gi", enabled: ({ workers }) => workers === 1 } },
      resources: { cpu: "500m", memory: "2Gi" },
      tmp: "512Mi",
    },
    connect: {
      image: "spark",
      after: [{ part: "main", endpoint: "rpc" }],
      command: () => ["bash", "/run/datalab/start.sh"],
      env: () => environment,
      files: (ctx) => ({
        "spark.conf": connectConf(ctx),
        "start.sh": withEventLogs(
          ctx.needs.lake,
          connect,
          endWithMaster(ctx.address("main", "ui", "url"), "connect"),
        ),
      }),
      endpoints: {
        connect: {
          port: 15002,
          protocol: "tcp",
          scheme: "sc",
          summary: "Spark Connect",
          published: 15002,
          login: "token",
        },
        ui: { port: 4040, protocol: "http", summary: "its jobs, reached through the cluster's UI" },
      },
      metrics: { main: { endpoint: "ui", path: "/metrics/prometheus/" } },
      probe: {
        command: ["timeout", "3", "bash", "-c", ": </dev/tcp/127.0.0.1/15002"],
        within: "90s",
      },
      resources: { cpu: "250m", memory: "1Gi" },
      tmp: "256Mi",
      // Its event log is complete in the object store only when it ends in peace.
      stopGrace: "20s",
    },
    history: {
      image: "spark",
      uses: ["lake"],
      command: () => ["bash", "/run/datalab/start.sh"],
      env: () => environment,
      files: (ctx) => ({
        "spark.conf": historyConf(ctx),
        "start.sh": withEventLogs(ctx.needs.lake, history),
      }),
      endpoints: {
        history: {
          port: 18080,
          protocol: "http",
          summary: "ended applications",
          published: 18080,
          browser: true,
        },
      },
      probe: { command: answers("http://127.0.0.1:18080/api/v1/version"), within: "60s" },
      resources: { cpu: "50m", memory: "384Mi" },
    },
  },
  checks: {
    cluster: {
      summary: "Workers and the server of sessions are registered with the master.",
      run: clusterIsWhole,
    },
    session: {
      summary: "A session opens with the token only, and answers a query.",
      every: "1m",
      timeout: "20s",
      secrets: ["token"],
      run: sessionAnswers,
    },
    history: {
      summary: "The history server answers.",
      every: "1m",
      http: { part: "history", endpoint: "history", path: "/api/v1/version" },
    },
  },
  alerts,
  backup:
    "none: tables are the lake's, event logs are in the artifacts bucket, the workers' volumes are scratch",
});
