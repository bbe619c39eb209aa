import { z } from "zod";
import { basicAuth } from "../model/basic-auth.ts";
import { curl } from "../model/curl.ts";
import { isAmbient } from "../model/lake-env.ts";
import { bucket, database, secret } from "../model/needs.ts";
import { type Template, type Text, t, template } from "../model/refs.ts";
import { type CheckContext, defineService, type PartContext } from "../model/service.ts";

const user = "admin";
const port = 5000;
const artifacts = "mlflow";

const needs = {
  db: database("mlflow"),
  artifacts: bucket(artifacts),
  admin: secret({ user, opens: "MLflow" }),
  session: secret(),
};
const options = z.strictObject({
  defaultPermission: z
    .enum(["NO_PERMISSIONS", "READ", "EDIT", "MANAGE"])
    .default("READ")
    .describe("Default permission of MLflow's other users for experiments and models of others."),
  hosts: z
    .array(z.string().regex(/^[A-Za-z0-9.*-]+(:\d+)?$/, 'a host name such as "mlflow.example.com"'))
    .default([])
    .describe("Additional host names, besides those of this stack.")
    .meta({ owner: "hosts" }),
});
type Context = PartContext<typeof needs, z.output<typeof options>>;

/** MLflow answers only to names that it knows: its own in the network, and those where it is published. */
function hosts({ platform, options, publicUrl }: Context): Template {
  const published = platform.endpoints
    .filter((e) => e.service === "mlflow" && e.published !== null)
    .flatMap((e) => [`127.0.0.1:${e.published}`, `localhost:${e.published}`]);
  const names: Text[] = ["mlflow", `mlflow:${port}`, `127.0.0.1:${port}`, ...published];
  if (published.length > 0) names.push(publicUrl("main", "ui", "host"));
  return template(...[...names, ...options.hosts].flatMap((name, i) => (i === 0 ? [name] : [",", name])));
}

/** Pages that may change something, beside those of 127.0.0.1: its own, by each of the names that it has. */
const origins = ({ options, publicUrl }: Context): Template =>
  template(
    publicUrl("main", "ui"),
    ...options.hosts.flatMap((host) => [`,https://${host}`, `,http://${host}`]),
  );

/**
 * The users' table stands beside the others; passwords are checked once a minute, not at every request
 * (PBKDF2 is slow).
 */
const authIni = ({ needs: { db }, options }: Context) =>
  t`[mlflow]
default_permission = ${options.defaultPermission}
database_uri = postgresql+psycopg2://${db.user}:${db.password}@${db.host}:${db.port}/${db.name}
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
auth_cache_ttl_seconds = 60
`;

/**
 * A run with a metric and an artifact, and a registered model with a version, through the API as any client
 * uses it.
 */
async function roundTrip({ endpoints, secrets, signal }: CheckContext): Promise<string | undefined> {
  const root = endpoints["main.ui"];
  const authorization = basicAuth({ user, password: secrets.admin as string });
  const send = (method: string, path: string, body?: string, abort: AbortSignal = signal) =>
    fetch(`${root}${path}`, {
      method,
      headers: { authorization, "content-type": "application/json" },
      signal: abort,
      ...(body !== undefined && { body }),
    });
  type Answer = Record<string, Record<string, unknown> & { info?: { run_id: string; artifact_uri: string } }>;
  const api = async (method: string, path: string, body?: unknown, abort?: AbortSignal) => {
    const answer = await send(
      method,
      `/api/2.0/mlflow/${path}`,
      body === undefined ? undefined : JSON.stringify(body),
      abort,
    );
    if (!answer.ok) throw new Error(`${method} ${path} answered ${answer.status}`);
    return (await answer.json()) as Answer;
  };
  const name = "datalab-health";

  const stranger = await fetch(`${root}/api/2.0/mlflow/experiments/search?max_results=1`, { signal });
  if (stranger.status !== 401) throw new Error(`without a login it answered ${stranger.status}, not 401`);

  const found = await send("GET", `/api/2.0/mlflow/experiments/get-by-name?experiment_name=${name}`);
  let experiment: unknown;
  if (found.status === 404) {
    experiment = ((await api("POST", "experiments/create", { name })) as { experiment_id?: unknown })
      .experiment_id;
  } else {
    const known = ((await found.json()) as Answer).experiment;
    experiment = known?.experiment_id;
    if (known?.lifecycle_stage === "deleted")
      await api("POST", "experiments/restore", { experiment_id: experiment });
  }

  const now = Date.now();
  const { run } = await api("POST", "runs/create", { experiment_id: experiment, start_time: now });
  if (!run?.info) throw new Error("runs/create answered without a run");
  const { run_id, artifact_uri } = run.info;
  // mlflow-artifacts:/<experiment>/<run>/artifacts: the path below which the server's proxy keeps them.
  const file = `/api/2.0/mlflow-artifacts/artifacts${artifact_uri.replace(/^mlflow-artifacts:/, "")}/health.txt`;
  const body = `written ${new Date(now).toISOString()}`;
  const cleanUp: (() => Promise<unknown>)[] = [];
  const later = () => AbortSignal.timeout(3000);
  try {
    cleanUp.push(() => api("POST", "runs/delete", { run_id }, later()));
    await api("POST", "runs/log-metric", { run_id, key: "health", value: 0.5, timestamp: now });
    const put = await send("PUT", file, body);
    if (!put.ok) throw new Error(`the artifact was refused: ${put.status}`);
    cleanUp.push(() => send("DELETE", file, undefined, later()));

    const read = (await api("GET", `runs/get?run_id=${run_id}`)).run as {
      data?: { metrics?: { key: string; value: number }[] };
    };
    if (read.data?.metrics?.find((m) => m.key === "health")?.value !== 0.5)
      throw new Error("the metric read back is not the one logged");
    const artifact = await send("GET", file);
    if ((await artifact.text()) !== body) throw new Error("the artifact read back is not the one stored");

    // One that a check left that was cut off would be in the way; deleting what is not there answers 404.
    await send("DELETE", "/api/2.0/mlflow/registered-models/delete", JSON.stringify({ name }));
    cleanUp.push(() => api("DELETE", "registered-models/delete", { name }, later()));
    await api("POST", "registered-models/create", { name });
    await api("POST", "model-versions/create", { name, source: artifact_uri, run_id });
    const version = (await api("GET", `model-versions/get?name=${name}&version=1`)).model_version;
    if (version?.run_id !== run_id) throw new Error("the model version read back is not the one registered");
  } finally {
    for (const undo of cleanUp.reverse()) await undo().catch(() => {});
  }
  return undefined;
}

export const mlflow = defineService({
  name: "mlflow",
  summary: "MLflow: experiment tracking and model registry.",
  version: "3.17.2",
  needs,
  options,
  parts: {
    main: {
      image: "python",
      // Its state is in the database and the bucket, and what signs its cookies is the same for all.
      scalable: true,
      command: () => ["python", "/opt/datalab/services/mlflow/server.py"],
      env: (ctx) => {
        const { db, artifacts: store, admin, session } = ctx.needs;
        return {
          HOME: "/tmp",
          _MLFLOW_SERVER_FILE_STORE: t`postgresql+psycopg2://${db.user}:${db.password}@${db.host}:${db.port}/${db.name}`,
          // Clients send artifacts to the server, which alone has the key of the bucket.
          _MLFLOW_SERVER_SERVE_ARTIFACTS: "true",
          _MLFLOW_SERVER_ARTIFACT_ROOT: "mlflow-artifacts:/",
          _MLFLOW_SERVER_ARTIFACT_DESTINATION: `s3://${store.prefix ?? ""}${artifacts}`,
          MLFLOW_S3_ENDPOINT_URL: store.url,
          ...(!isAmbient(store) && {
            AWS_ACCESS_KEY_ID: store.accessKey,
            AWS_SECRET_ACCESS_KEY: store.secretKey,
          }),
          AWS_DEFAULT_REGION: store.region,
          AWS_EC2_METADATA_DISABLED: "true",
          MLFLOW_AUTH_CONFIG_PATH: "/run/datalab/auth.ini",
          MLFLOW_AUTH_ADMIN_USERNAME: user,
          MLFLOW_AUTH_ADMIN_PASSWORD: template(admin),
          MLFLOW_FLASK_SERVER_SECRET_KEY: template(session),
          MLFLOW_SERVER_ALLOWED_HOSTS: hosts(ctx),
          MLFLOW_SERVER_CORS_ALLOWED_ORIGINS: origins(ctx),
          MLFLOW_SERVER_X_FRAME_OPTIONS: "DENY",
          // One process: no job runner, no supervisor. It answers as uvicorn's application.
          MLFLOW_SERVER_ENABLE_JOB_EXECUTION: "false",
          _MLFLOW_SGI_NAME: "uvicorn",
          _MLFLOW_IN_JOB_EXECUTOR: "false",
          MLFLOW_SQLALCHEMYSTORE_POOL_SIZE: "2",
          MLFLOW_SQLALCHEMYSTORE_MAX_OVERFLOW: "8",
          MLFLOW_DISABLE_TELEMETRY: "true",
          DO_NOT_TRACK: "true",
          MALLOC_ARENA_MAX: "2",
          PYTHONWARNINGS: "ignore",
        };
      },
      files: (ctx) => ({ "auth.ini": authIni(ctx) }),
      endpoints: {
        ui: {
          port,
          protocol: "http",
          summary: "the UI and API",
          published: port,
          browser: true,
          auth: "gateway",
          login: "admin",
          internal: ["/metrics"],
        },
      },
      metrics: { main: { endpoint: "ui", every: "30s" } },
      probe: {
        command: curl(`http://127.0.0.1:${port}/health`, { maxSeconds: 3 }),
        within: "120s",
      },
      resources: { cpu: "250m", memory: "512Mi" },
      tmp: "256Mi",
    },
  },
  checks: {
    api: { summary: "The server answers.", http: { part: "main", endpoint: "ui", path: "/health" } },
    "track-and-register": {
      summary: "A run with a metric and an artifact, and a registered model, are written and read back.",
      every: "5m",
      timeout: "30s",
      secrets: ["admin"],
      run: roundTrip,
    },
  },
  backup: "its state is in its database and its bucket",
});
