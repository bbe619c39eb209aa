import { createHash } from "node:crypto";
import { imageTag } from "../../src/images/catalog.ts";

/** Logical image names, and the ids that Docker is said to know them by. */
export const images: ReadonlyMap<string, string> = new Map(
  ["core", "services", "python", "pipelines"].map((name) => [name, `sha256:id-of-${name}`]),
);

interface Own {
  readonly service: string;
  readonly image: string;
  readonly command: readonly string[];
  readonly envs: readonly string[];
  readonly ports?: readonly (readonly [internal: number, external: number])[];
  readonly data?: true;
  readonly memory: number;
  readonly cpuShares: number;
  readonly tmp: string;
  readonly stopSeconds: number;
  readonly probe?: { readonly command: readonly string[]; readonly startPeriod: string };
  readonly oneShot?: true;
}

/** What every workload's container has on Docker, whatever it runs. */
export function container(name: string, own: Own, filesHash: string): Record<string, unknown> {
  const labels: Record<string, string> = {
    "datalab.files": filesHash,
    ...(own.oneShot && { "datalab.oneshot": "true" }),
    "datalab.release": imageTag(own.image).split(":")[1] as string,
    "datalab.service": own.service,
    "datalab.stack": "dev",
    "datalab.workload": name,
  };
  return {
    name: `datalab-dev-${name}`,
    hostname: name,
    image: images.get(own.image),
    command: own.command,
    envs: own.envs,
    labels: Object.entries(labels).map(([label, value]) => ({ label, value })),
    ports: (own.ports ?? []).map(([internal, external]) => ({
      internal,
      external,
      ip: "127.0.0.1",
      protocol: "tcp",
    })),
    volumes: [
      ...(own.data
        ? [{ volumeName: `datalab-dev-${name}-data`, containerPath: "/data", readOnly: false }]
        : []),
      { volumeName: `datalab-dev-${name}-files`, containerPath: "/run/datalab", readOnly: false },
    ],
    networkMode: "bridge",
    networksAdvanced: [{ name: "datalab-dev", aliases: [name] }],
    user: "10001:10001",
    readOnly: true,
    tmpfs: { "/tmp": `rw,nosuid,nodev,size=${own.tmp},mode=1777` },
    capabilities: { drops: ["ALL"] },
    securityOpts: ["no-new-privileges:true"],
    privileged: false,
    init: false,
    ipcMode: "private",
    memory: own.memory,
    memorySwap: own.memory,
    cpuShares: own.cpuShares,
    logDriver: "json-file",
    logOpts: { "max-size": "10m", "max-file": "3" },
    stopSignal: "SIGTERM",
    stopTimeout: own.stopSeconds,
    destroyGraceSeconds: own.stopSeconds,
    wait: false,
    ...(own.oneShot
      ? { restart: "no", mustRun: false, attach: true, logs: true }
      : { restart: "unless-stopped", mustRun: true }),
    ...(own.probe && {
      healthcheck: {
        tests: ["CMD", ...own.probe.command],
        interval: "2m0s",
        timeout: "5s",
        startPeriod: own.probe.startPeriod,
        retries: 3,
      },
    }),
  };
}

/** The label that changes with a workload's files: a hash of their names and contents. */
export function filesHash(files: Readonly<Record<string, string>>): string {
  const sorted = Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash("sha256").update(JSON.stringify(sorted)).digest("hex").slice(0, 16);
}

const curl = (seconds: number, ...rest: readonly string[]) => [
  ...["curl", "--fail", "--silent", "--max-time", String(seconds)],
  ...rest,
];
const lake = [
  "DATALAB_BUCKET_ARTIFACTS=artifacts",
  "DATALAB_BUCKET_BRONZE=bronze",
  "DATALAB_BUCKET_GOLD=gold",
  "DATALAB_BUCKET_SILVER=silver",
  "DATALAB_S3_ACCESS_KEY=prefect.lake",
  "DATALAB_S3_ENDPOINT=http://object-store:9000",
  "DATALAB_S3_REGION=us-east-1",
  "DATALAB_STACK=dev",
  "DATALAB_WAIT=object-store:9000 prefect:4200",
  "DATALAB_WAIT_SECONDS=300",
];
const quiet = ["DO_NOT_TRACK=1", "HOME=/tmp"];

/** What is each workload's own, in the default dev stack. */
export const workloads: Readonly<Record<string, Own>> = {
  core: {
    service: "core",
    image: "core",
    command: ["node", "/opt/core/core.mjs"],
    envs: [],
    ports: [[7070, 7070]],
    memory: 256,
    cpuShares: 102,
    tmp: "64m",
    stopSeconds: 10,
    probe: { command: curl(2, "http://127.0.0.1:7070/livez"), startPeriod: "20s" },
  },
  postgres: {
    service: "postgres",
    image: "services",
    command: [
      "bash",
      "/run/datalab/start.sh",
      ...["-c", "listen_addresses=*", "-c", "unix_socket_directories=/tmp", "-c", "jit=off"],
      ...[
        "-c",
        "password_encryption=scram-sha-256",
        "-c",
        "max_connections=100",
        "-c",
        "shared_buffers=64MB",
      ],
      ...["-c", "log_statement=none", "-c", "logging_collector=off"],
    ],
    envs: ["PGTZ=UTC"],
    ports: [[5432, 5432]],
    data: true,
    memory: 512,
    cpuShares: 256,
    tmp: "64m",
    stopSeconds: 30,
    probe: {
      command: ["/usr/lib/postgresql/15/bin/pg_isready", "--quiet", "--host", "127.0.0.1"],
      startPeriod: "1m0s",
    },
  },
  "object-store": {
    service: "object-store",
    image: "services",
    command: ["bash", "/run/datalab/start.sh"],
    envs: [
      "DATALAB_DATA_ENGINE=minio",
      "HOME=/tmp",
      "MINIO_BROWSER_REDIRECT_URL=http://127.0.0.1:9001",
      "MINIO_CALLHOME_ENABLE=off",
      "MINIO_PROMETHEUS_AUTH_TYPE=public",
      "MINIO_ROOT_USER=admin",
      "MINIO_UPDATE=off",
    ],
    ports: [
      [9000, 9000],
      [9001, 9001],
    ],
    data: true,
    memory: 1024,
    cpuShares: 256,
    tmp: "64m",
    stopSeconds: 15,
    probe: {
      command: curl(2, "--output", "/dev/null", "http://127.0.0.1:9000/minio/health/ready"),
      startPeriod: "30s",
    },
  },
  prefect: {
    service: "prefect",
    image: "python",
    command: ["python", "-m", "datalab.prefect.server", "--host", "0.0.0.0", "--port", "4200"],
    envs: [
      "DATALAB_WAIT=postgres:5432",
      "DATALAB_WAIT_SECONDS=300",
      ...quiet,
      "PREFECT_HOME=/tmp/prefect",
      "PREFECT_SERVER_ANALYTICS_ENABLED=false",
      "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS=5",
      "PREFECT_SERVER_EVENTS_PROACTIVE_GRANULARITY=PT15S",
      "PREFECT_SERVER_EVENTS_RETENTION_PERIOD=PT2592000S",
      "PREFECT_SERVER_SERVICES_CANCELLATION_CLEANUP_LOOP_SECONDS=60",
      "PREFECT_SERVER_SERVICES_CLEANUP_RECONCILER_LOOP_SECONDS=60",
      "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED=events,flow_runs",
      "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD=2592000",
      "PREFECT_SERVER_SERVICES_FOREMAN_LOOP_SECONDS=30",
      "PREFECT_SERVER_SERVICES_LATE_RUNS_LOOP_SECONDS=15",
      "PREFECT_SERVER_SERVICES_PAUSE_EXPIRATIONS_LOOP_SECONDS=60",
      "PREFECT_SERVER_SERVICES_SCHEDULER_RECENT_DEPLOYMENTS_LOOP_SECONDS=10",
      "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT=false",
      "PREFECT_UI_API_URL=http://127.0.0.1:4200/api",
      "PREFECT_UI_STATIC_DIRECTORY=/tmp/ui",
    ],
    ports: [[4200, 4200]],
    memory: 768,
    cpuShares: 512,
    tmp: "256m",
    stopSeconds: 10,
    probe: { command: curl(3, "http://127.0.0.1:4200/api/health"), startPeriod: "1m30s" },
  },
  "prefect-worker": {
    service: "prefect",
    image: "python",
    command: [
      ...[
        "python",
        "-m",
        "datalab.prefect.worker",
        "start",
        "--name",
        "worker",
        "--pool",
        "default",
        "--type",
        "process",
      ],
      ...["--limit", "4", "--with-healthcheck"],
    ],
    envs: [
      ...lake,
      ...quiet,
      "PREFECT_API_URL=http://prefect:4200/api",
      "PREFECT_FLOWS_HEARTBEAT_FREQUENCY=180",
      "PREFECT_HOME=/tmp/prefect",
      "PREFECT_SERVER_ANALYTICS_ENABLED=false",
      "PREFECT_UI_URL=http://127.0.0.1:4200",
      "PREFECT_WORKER_QUERY_SECONDS=1",
      "PREFECT_WORKER_WEBSERVER_HOST=0.0.0.0",
    ],
    memory: 2048,
    cpuShares: 512,
    tmp: "1024m",
    stopSeconds: 15,
    probe: { command: curl(3, "http://127.0.0.1:8080/health"), startPeriod: "2m0s" },
  },
  "prefect-register": {
    service: "prefect",
    image: "pipelines",
    command: ["python", "-m", "datalab.prefect.register"],
    envs: [
      ...lake,
      ...quiet,
      "PREFECT_API_URL=http://prefect:4200/api",
      "PREFECT_HOME=/tmp/prefect",
      "PREFECT_SERVER_ANALYTICS_ENABLED=false",
      "PREFECT_UI_URL=http://127.0.0.1:4200",
    ],
    memory: 512,
    cpuShares: 512,
    tmp: "64m",
    stopSeconds: 10,
    oneShot: true,
  },
};
