import { curl } from "../model/curl.ts";
import { lakeBuckets, lakeEnv } from "../model/lake-env.ts";
import { bucket, type EndpointGrant, endpoint } from "../model/needs.ts";
import { json } from "../model/refs.ts";
import { type CheckContext, defineService, type PartContext } from "../model/service.ts";

const needs = {
  core: endpoint("core", "api", { wait: false }),
  prefect: endpoint("prefect", "api", { optional: true }),
  mlflow: endpoint("mlflow", "ui", { optional: true }),
  prometheus: endpoint("prometheus", "ui", { optional: true }),
  alertmanager: endpoint("alertmanager", "ui", { optional: true }),
  logs: endpoint("logs", "api", { optional: true }),
  lake: bucket(...lakeBuckets),
};
type Context = PartContext<typeof needs, Record<string, never>>;

const backend = (grant: EndpointGrant | null) =>
  grant && { url: grant.url, user: grant.user, password: grant.password };

/** Where everything is. The pages find the services themselves in the core's registry, at run time. */
function settings({ stack, needs: { lake: _, ...backends }, platform }: Context) {
  const lasting = platform.workloads.filter(({ oneShot }) => !oneShot);
  return json({
    stack,
    limitBytes: lasting.reduce((sum, { memoryBytes, replicas }) => sum + memoryBytes * replicas, 0),
    backends: Object.fromEntries(Object.entries(backends).map(([name, grant]) => [name, backend(grant)])),
  });
}

/** BackMsg { rerun_script: ClientState { query_string: "check=1" } }, as a browser sends it first. */
const firstMessage = Buffer.concat([Buffer.from([0x5a, 0x09, 0x0a, 0x07]), Buffer.from("check=1")]);
/** What the page for checks says, see src/dashboard/views/self_check.py. */
const rendered = /datalab-dashboard-rendered (core-ok|core-problem [^\0]*?) end/;

/**
 * Opens the app as a browser does: the websocket takes it, a script runs, and the script reaches the core.
 */
function render({ endpoints, signal }: CheckContext): Promise<string | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<string | undefined>();
  const url = `${(endpoints["main.ui"] as string).replace(/^http/, "ws")}/_stcore/stream`;
  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  socket.addEventListener("open", () => socket.send(firstMessage));
  socket.addEventListener("error", () => reject(new Error("the websocket was refused")));
  socket.addEventListener("close", () => reject(new Error("the websocket was closed before the page came")));
  socket.addEventListener("message", ({ data }) => {
    const said = rendered.exec(Buffer.from(data as ArrayBuffer).toString("utf8"))?.[1];
    if (said === undefined) return;
    if (said === "core-ok") resolve(undefined);
    else reject(new Error(`pages are rendered, but: ${said.replace("core-problem ", "")}`));
  });
  return promise.finally(() => socket.close());
}

export const dashboard = defineService({
  name: "dashboard",
  summary: "The dashboard: state, pipelines, lake, models, alerts and logs in one place.",
  version: "Streamlit 1.67.0",
  needs,
  parts: {
    main: {
      image: "dashboard",
      command: () => ["streamlit", "run", "/opt/dashboard/app.py"],
      env: ({ stack, needs: { lake } }) => ({
        HOME: "/tmp",
        DATALAB_STACK: stack,
        ...lakeEnv(lake),
        // The lake's process is the only one that needs memory for data; it gets a part of the limit.
        DATALAB_DUCKDB_MEMORY: "192MB",
        DATALAB_THREADS: "1",
        // Freed memory goes back to the system instead of staying in one arena a thread.
        MALLOC_ARENA_MAX: "2",
      }),
      files: (ctx) => ({ "dashboard.json": settings(ctx) }),
      endpoints: {
        ui: {
          port: 8501,
          protocol: "http",
          summary: "the dashboard",
          published: 8501,
          browser: true,
          auth: "gateway",
          internal: ["/_stcore/metrics"],
          cookies: ["_streamlit_*"],
        },
      },
      metrics: { main: { endpoint: "ui", path: "/_stcore/metrics", every: "30s" } },
      probe: {
        command: curl("http://127.0.0.1:8501/_stcore/health", { maxSeconds: 3 }),
        within: "60s",
      },
      resources: { cpu: "250m", memory: "768Mi" },
      tmp: "128Mi",
      // A page that is open connects again by itself.
      updateOrder: "start-first",
    },
  },
  checks: {
    health: { summary: "It answers.", http: { part: "main", endpoint: "ui", path: "/_stcore/health" } },
    render: {
      summary: "A page is rendered over the websocket, with the core's data in it.",
      every: "60s",
      timeout: "15s",
      run: render,
    },
  },
  backup: "none: it holds no state",
});
