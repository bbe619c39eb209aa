import { z } from "zod";
import { curl } from "../model/curl.ts";
import { lakeBuckets, lakeEnv } from "../model/lake-env.ts";
import { bucket, database, endpoint, secret } from "../model/needs.ts";
import type { ClusterModel } from "../model/platform.ts";
import { json, t } from "../model/refs.ts";
import { type Circumstances, defineService, type PartContext } from "../model/service.ts";
import { cpuPattern, parseCpu, parseSize, sizePattern } from "../model/units.ts";
import { loginPage, notebookRoutes, spawnerMay, spawnerProxy } from "./jupyterhub/checks.ts";

const admin = "admin";
const home = "/home/notebook";
/** Containers are named after users; bytes that a host name can't contain become 3 characters of hex. */
const maxEscaped = 40;

const needs = {
  db: database("jupyterhub"),
  admin: secret({ user: admin, opens: "JupyterHub" }),
  key: secret(),
  cookies: secret(),
  proxy: secret(),
  lake: bucket(...lakeBuckets),
  docker: endpoint("agent", "docker", { optional: true }),
  spark: endpoint("spark-connect", "connect", { optional: true }),
  mlflow: endpoint("mlflow", "ui", { optional: true }),
  prefect: endpoint("prefect", "api", { optional: true }),
};

/** How long a user's name is as part of a container's name; DockerSpawner escapes it the same way. */
export const escapedLength = (name: string): number =>
  [...Buffer.from(name)].reduce((sum, byte) => sum + (/[a-z0-9]/.test(String.fromCharCode(byte)) ? 1 : 3), 0);

const name = z
  .string()
  .regex(/^[^\s\p{C}\p{Lu}/\\]+$/u, 'a user name without capitals, spaces and slashes, such as "ana"')
  .refine((text) => escapedLength(text) <= maxEscaped, {
    message: `a user name of at most ${maxEscaped} characters, of which all but a-z and 0-9 count three times or more`,
  })
  .describe("User name.");

const options = z.strictObject({
  users: z
    .array(
      z.strictObject({
        name,
        admin: z.boolean().default(false).describe("Admins see and stop all notebooks."),
      }),
    )
    .default([])
    .refine((users) => new Set(users.map((user) => user.name)).size === users.length, {
      message: "unique user names",
    })
    .describe("Users who may log in, besides `admin`. There is no sign-up.")
    .meta({ owner: "people" }),
  firstLogin: z
    .boolean()
    .default(false)
    .describe(
      "Whether a user's first login sets the password; otherwise it is generated, and the admin hands it out.",
    ),
  memory: z
    .string()
    .regex(sizePattern, 'a size such as "1Gi"')
    .default("1Gi")
    .describe("Memory of one notebook.")
    .meta({ owner: "sizes" }),
  cpu: z
    .string()
    .regex(cpuPattern, 'cores such as "500m" or "2"')
    .default("1")
    .describe("Cores of one notebook.")
    .meta({ owner: "sizes" }),
  idleMinutes: z
    .number()
    .min(0)
    .max(10_080)
    .default(60)
    .describe(
      "After how long without use a notebook is stopped, or an unused kernel in one that is open; 0: never. Files stay.",
    ),
  startSeconds: z.int().min(10).max(600).default(90).describe("Maximum seconds for a notebook's start."),
  maxServers: z
    .int()
    .min(1)
    .max(500)
    .default(10)
    .describe("Maximum number of running notebooks.")
    .meta({ owner: "sizes" }),
  homeSize: z
    .string()
    .regex(sizePattern, 'a size such as "5Gi"')
    .default("5Gi")
    .describe("In a cluster: size of the claim that holds one user's files.")
    .meta({ owner: "sizes" }),
});
type Context = PartContext<typeof needs, z.output<typeof options>>;

/** What a kernel finds in its environment. A service that is disabled leaves its variables out. */
export function kernelEnv({ needs, stack }: Context) {
  const { lake, spark, mlflow, prefect } = needs;
  return {
    DATALAB_STACK: stack,
    ...lakeEnv(lake),
    ...(spark && {
      SPARK_REMOTE: spark.password
        ? t`sc://${spark.host}:${spark.port}/;authorization=Bearer%20${spark.password}`
        : t`sc://${spark.host}:${spark.port}`,
    }),
    ...(mlflow && {
      MLFLOW_TRACKING_URI: mlflow.url,
      ...(mlflow.password && {
        MLFLOW_TRACKING_USERNAME: mlflow.user ?? "",
        MLFLOW_TRACKING_PASSWORD: mlflow.password,
      }),
    }),
    ...(prefect && {
      PREFECT_API_URL: t`${prefect.url}/api`,
      ...(prefect.password && { PREFECT_API_AUTH_STRING: t`${prefect.user ?? ""}:${prefect.password}` }),
    }),
    PREFECT_HOME: "/tmp/prefect",
    PREFECT_SERVER_ANALYTICS_ENABLED: "false",
    MLFLOW_DISABLE_TELEMETRY: "true",
    GIT_PYTHON_REFRESH: "quiet",
    DO_NOT_TRACK: "1",
    PYTHONWARNINGS: "ignore::DeprecationWarning",
  };
}

function hubSettings(ctx: Context) {
  const { needs, options } = ctx;
  const { db, docker } = needs;
  const others = options.users.filter((user) => user.name !== admin);
  return {
    users: [{ name: admin, admin: true }, ...others],
    admin: { name: admin, password: needs.admin },
    firstLogin: options.firstLogin,
    key: needs.key,
    cookieSecret: needs.cookies,
    database: t`postgresql+psycopg2://${db.user}:${db.password}@${db.host}:${db.port}/${db.name}`,
    hubUrl: ctx.address("main", "hub", "url"),
    proxyApi: ctx.address("proxy", "api", "url"),
    docker: docker && { host: docker.host, port: docker.port, user: docker.user, password: docker.password },
    image: ctx.image("notebook"),
    network: ctx.networkName,
    instancePrefix: ctx.instancePrefix,
    memoryBytes: parseSize(options.memory),
    cpu: parseCpu(options.cpu) / 1000,
    idleMinutes: options.idleMinutes,
    startSeconds: options.startSeconds,
    maxServers: options.maxServers,
    // In a cluster the target hands the variables to the pods themselves.
    ...(ctx.cluster ? { cluster: podSettings(ctx, ctx.cluster) } : { environment: kernelEnv(ctx) }),
  };
}

/** What notebooks are as pods; see src/notebooks/hub/configure_pods.py. */
const podSettings = ({ options }: Context, { namespace, storageClass, homeStorageClass }: ClusterModel) => ({
  namespace,
  template: "/run/datalab/spawn-notebook.json",
  storageClass: homeStorageClass ?? storageClass,
  homeBytes: parseSize(options.homeSize),
});

const onHost = (_: unknown, { cluster }: Circumstances) => cluster === null;
const inCluster = (_: unknown, { cluster }: Circumstances) => cluster !== null;

export const jupyterhub = defineService({
  name: "jupyterhub",
  summary: "JupyterHub: notebooks in one container per user, connected to the lake and every service.",
  version: "6.1.1",
  needs,
  options,
  parts: {
    main: {
      image: "notebook",
      after: [{ part: "proxy", endpoint: "api" }],
      command: () => ["jupyterhub", "--config", "/opt/datalab/hub/jupyterhub_config.py"],
      env: ({ needs }) => ({
        HOME: "/tmp",
        CONFIGPROXY_AUTH_TOKEN: needs.proxy,
        PYTHONWARNINGS: "ignore",
        MALLOC_ARENA_MAX: "2",
      }),
      files: (ctx) => ({ "hub.json": json(hubSettings(ctx)) }),
      spawns: {
        notebook: {
          summary: "notebooks, one for each user",
          image: "notebook",
          env: (ctx) => ({ HOME: home, ...kernelEnv(ctx) }),
          resources: ({ options }) => ({ cpu: options.cpu, memory: options.memory }),
          tmp: "256Mi",
          home: ({ options }) => ({ path: home, size: options.homeSize }),
          ownSecrets: true,
          ports: [{ port: 8888, from: ["jupyterhub", "jupyterhub-proxy"] }],
          atMost: ({ options }) => options.maxServers,
        },
      },
      endpoints: {
        hub: {
          port: 8081,
          protocol: "http",
          summary: "the hub, for its proxy and notebooks",
          path: "/hub/health",
        },
      },
      metrics: { main: { endpoint: "hub", path: "/hub/metrics", every: "30s" } },
      probe: {
        command: curl("http://127.0.0.1:8081/hub/health", { maxSeconds: 3 }),
        within: "90s",
      },
      resources: { cpu: "250m", memory: "384Mi" },
    },
    proxy: {
      image: "core",
      uses: ["proxy"],
      // A small heap: it passes bytes on, and keeps a route for each notebook.
      command: () => [
        ...["node", "--max-old-space-size=64", "--max-semi-space-size=2"],
        "/opt/core/notebook-proxy.mjs",
      ],
      env: ({ needs, address }) => ({
        CONFIGPROXY_AUTH_TOKEN: needs.proxy,
        DATALAB_HUB: address("main", "hub", "url"),
        UV_THREADPOOL_SIZE: "1",
      }),
      endpoints: {
        web: {
          port: 8000,
          protocol: "http",
          summary: "notebooks",
          published: 8000,
          browser: true,
          auth: "own",
          login: "admin",
          internal: ["/hub/metrics", "/metrics"],
          inCluster: { internal: ["/hub/metrics", "/hub/spawner", "/metrics"] },
          cookies: ["jupyterhub-*", "_xsrf", "username-*"],
          path: "/hub/",
        },
        api: {
          port: 8001,
          protocol: "http",
          summary: "the proxy's routes, for the hub",
          path: "/api/routes",
        },
      },
      probe: {
        command: curl("http://127.0.0.1:8000/_chp_healthz", { maxSeconds: 3 }),
        within: "60s",
      },
      resources: { cpu: "100m", memory: "192Mi" },
    },
  },
  checks: {
    hub: { summary: "The hub answers.", http: { part: "main", endpoint: "hub", path: "/hub/health" } },
    "login-page": {
      summary: "The proxy redirects to the login page, and no page opens without a login.",
      every: "1m",
      secrets: ["proxy"],
      run: loginPage,
    },
    routes: {
      summary: "The proxy has a route to every notebook that is ready.",
      every: "1m",
      secrets: ["proxy"],
      run: notebookRoutes,
    },
    "spawner-door": {
      summary: "The agent allows only the hub to start containers.",
      every: "1m",
      enabled: onHost,
      needs: { docker: endpoint("agent", "docker", { optional: true }) },
      run: spawnerProxy,
    },
    spawner: {
      summary: "The hub may start pods and create claims for home folders.",
      every: "1m",
      enabled: inCluster,
      run: spawnerMay,
    },
  },
  backup:
    "users and passwords are in its database; homes are volumes, one per user, which ./datalab backup create saves",
});
