import { curl } from "../model/curl.ts";
import { type Circumstances, defineService } from "../model/service.ts";
import { alerts } from "./spark/alerts.ts";
import { clusterIsWhole, sessionAnswers } from "./spark/checks.ts";
import { endWithMaster, java, properties, withEventLogs } from "./spark/config.ts";
import { type Context, needs, type Options, options } from "./spark/context.ts";
import * as kubernetes from "./spark/kubernetes.ts";
import { connectConf, executorMemory, executorSize, historyConf, shared } from "./spark/settings.ts";

const deploy = "org.apache.spark.deploy";
const file = "/run/datalab/spark.conf";
/** One arena of the C library: with one a core and thread, a JVM at rest holds tens of MiB more. */
const environment = { HOME: "/tmp", SPARK_USER: "datalab", MALLOC_ARENA_MAX: "1" };
const answers = (url: string) => curl(url, { maxSeconds: 3, discard: true });

/** The parts that are Spark's own cluster: elsewhere the target's is asked for executors. */
const standalone = (_: Options, { cluster }: Circumstances) => cluster === null;
const inCluster = (_: Options, { cluster }: Circumstances) => cluster !== null;

const master: readonly string[] = [
  ...java(96, 96),
  `${deploy}.master.Master`,
  ...["--host", "spark", "--port", "7077", "--webui-port", "8080", "--properties-file", file],
];

/**
 * Where shuffles spill to: a volume, which replicas can't share; several workers have /tmp, which is memory.
 */
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

/**
 * Spark closes its page before its event log, and a request in progress there holds it up to 30 s; Hadoop
 * would give all of them 30 s.
 */
const connectEnd = { hooksSeconds: 55, stopGrace: "60s" } as const;

const connect: readonly string[] = [
  ...java(512, 224),
  `-Dspark.shutdown.timeout=${connectEnd.hooksSeconds}s`,
  `${deploy}.SparkSubmit`,
  ...["--properties-file", file, "--class", "org.apache.spark.sql.connect.service.SparkConnectServer"],
  "spark-internal",
];

const connectStart = (ctx: Context) =>
  ctx.cluster
    ? kubernetes.start(ctx.needs.lake, ctx.cluster, connect)
    : withEventLogs(ctx.needs.lake, connect, endWithMaster(ctx.address("main", "ui", "url"), "connect"));

const history: readonly string[] = [
  ...java(160, 96),
  `${deploy}.history.HistoryServer`,
  "--properties-file",
  file,
];

export const spark = defineService({
  name: "spark",
  summary: "Spark: SQL and DataFrames over the lake, for data that does not fit into one process.",
  version: "4.1.1",
  needs,
  options,
  parts: {
    main: {
      image: "spark",
      enabled: standalone,
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
      enabled: standalone,
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
        "start.sh": connectStart(ctx),
        ...(ctx.cluster && { [kubernetes.secretFile]: ctx.needs.cluster }),
      }),
      spawns: {
        executor: {
          summary: "executors: memory and cores for the sessions that ask for them",
          image: "spark",
          // Settings and keys come from the driver; the store's address is said for the network rules.
          env: ({ needs }) => ({ ...environment, DATALAB_S3_ENDPOINT: needs.lake.url }),
          files: ({ needs }) => ({ [kubernetes.secretFile]: needs.cluster }),
          resources: (ctx) => kubernetes.limits(executorSize(ctx)),
          tmp: "512Mi",
          disk: kubernetes.disk,
          ports: [
            { port: kubernetes.ports.executorBlocks, from: ["spark-connect", "spark-connect-executor"] },
          ],
          atMost: ({ options }) => options.workers,
        },
      },
      endpoints: {
        connect: {
          port: 15002,
          protocol: "tcp",
          scheme: "sc",
          summary: "Spark Connect",
          published: 15002,
          login: "token",
        },
        ui: {
          port: 4040,
          protocol: "http",
          summary: "its jobs, reached through the cluster's UI",
          inCluster: {
            summary: "sessions, their jobs and executors",
            published: 8080,
            browser: true,
            internal: ["/metrics"],
          },
        },
        driver: {
          port: kubernetes.ports.driver,
          protocol: "tcp",
          summary: "where executors register",
          enabled: inCluster,
        },
        blocks: {
          port: kubernetes.ports.driverBlocks,
          protocol: "tcp",
          summary: "data from the driver to executors",
          enabled: inCluster,
        },
      },
      metrics: { main: { endpoint: "ui", path: "/metrics/prometheus/" } },
      probe: {
        command: ["timeout", "3", "bash", "-c", ": </dev/tcp/127.0.0.1/15002"],
        within: "90s",
      },
      resources: { cpu: "250m", memory: "1Gi" },
      tmp: "256Mi",
      // Its event log is complete in the object store only when it ends in peace.
      stopGrace: connectEnd.stopGrace,
    },
    history: {
      image: "spark",
      // What it shows it reads from the object store; of two that clean up there, one finds the work done.
      scalable: true,
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
      summary: "Workers and Spark Connect are registered with the master.",
      run: clusterIsWhole,
    },
    session: {
      summary: "A session opens only with the token, and runs a query.",
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
