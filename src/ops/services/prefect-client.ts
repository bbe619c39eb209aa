import { DatalabError, exit } from "../../errors.ts";
import { type BasicLogin, basicAuth } from "../../model/basic-auth.ts";
import type { PlatformOutput } from "../../outputs/platform.ts";
import { endpointOf, howToProvide } from "../../outputs/providers.ts";
import type { Credentials } from "./credentials.ts";
import { type Fetch, fetchVia, ingressRouteOf } from "./ingress-route.ts";

/** The part of Prefect's REST API that the CLI uses, in Prefect's own words. */
export interface Deployment {
  readonly id: string;
  readonly name: string;
  readonly version: string | null;
  readonly paused: boolean;
  readonly schedules?: readonly { readonly id: string; readonly active: boolean }[];
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly parameter_openapi_schema: ParameterSchema | null;
}
/** JSON Schema of a flow's parameters, as Prefect makes it of the flow's signature. */
export interface ParameterSchema {
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly definitions?: Readonly<Record<string, unknown>>;
}
export interface FlowRun {
  readonly id: string;
  readonly name: string;
  readonly state: { readonly type: string; readonly name: string; readonly message: string | null } | null;
  readonly start_time: string | null;
  readonly end_time: string | null;
  readonly expected_start_time: string | null;
  readonly total_run_time: number;
  readonly deployment_id?: string | null;
  readonly work_pool_name?: string | null;
}
export interface WorkPool {
  readonly is_paused: boolean;
  /** READY: a worker polls it; NOT_READY: none does; PAUSED. */
  readonly status: string | null;
}
export interface RunLog {
  readonly timestamp: string;
  readonly level: number;
  readonly message: string;
}

export interface PrefectClient {
  deployment(name: string): Promise<Deployment | null>;
  /** Pauses a deployment, which removes its scheduled runs, or lets it go on. */
  pauseDeployment(id: string, paused: boolean): Promise<void>;
  activateSchedule(deployment: string, schedule: string): Promise<void>;
  createRun(deployment: string, parameters: Readonly<Record<string, unknown>>): Promise<FlowRun>;
  run(id: string): Promise<FlowRun | null>;
  pool(name: string): Promise<WorkPool | null>;
  /** Runs of a deployment in these states, in this order. */
  runs(deployment: string, query: RunQuery): Promise<readonly FlowRun[]>;
  /** The last lines of a run's log, oldest first. */
  logs(run: string, limit: number): Promise<readonly RunLog[]>;
  pools(): Promise<readonly WorkPool[]>;
  /** A paused pool hands out no more runs; those under way go on. */
  pausePool(name: string, paused: boolean): Promise<void>;
  /** Runs that something works on, of all deployments. */
  activeRuns(): Promise<readonly FlowRun[]>;
}

export interface WorkPool {
  readonly name: string;
  readonly is_paused: boolean;
}

export interface RunQuery {
  readonly states: readonly string[];
  readonly sort: "EXPECTED_START_TIME_ASC" | "EXPECTED_START_TIME_DESC";
  readonly limit: number;
}

const answerMs = 15_000;

/** The client of the stack's own Prefect, logged in. */
export function prefectOf(platform: PlatformOutput, credentials: Credentials): PrefectClient {
  const api = endpointOf(platform, "orchestrator");
  if (!api?.url || !api.login) {
    throw new DatalabError(
      "E_NO_PREFECT",
      `The stack ${platform.stack} runs no pipelines: it has no orchestrator.`,
      { hint: howToProvide(platform, "orchestrator") },
    );
  }
  return prefectClient(
    new URL("/api", api.url).href,
    { user: api.login.user, password: credentials.value(api.login.secret) },
    fetchVia(ingressRouteOf(platform)),
  );
}

export function prefectClient(api: string, login: BasicLogin, by: Fetch = fetch): PrefectClient {
  const headers = {
    authorization: basicAuth(login),
    "content-type": "application/json",
  };

  async function call<T>(method: "GET" | "POST" | "PATCH", path: string, body?: unknown): Promise<T | null> {
    let answer: Response;
    let text: string;
    try {
      answer = await by(`${api}${path}`, {
        method,
        headers,
        signal: AbortSignal.timeout(answerMs),
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      text = await answer.text();
    } catch (error) {
      const { message, cause } = error as Error & { cause?: { code?: string } };
      throw new DatalabError(
        "E_PREFECT_UNREACHABLE",
        `Prefect at ${api} does not answer (${cause?.code ?? message}).`,
        {
          hint: "./datalab platform status",
          cause: error,
        },
      );
    }
    // Some answers are `null`, which is not the absence of what was asked for.
    if (answer.ok) return ((text === "" ? null : JSON.parse(text)) ?? {}) as T;
    if (answer.status === 404) return null;
    if (answer.status === 401 || answer.status === 403) {
      throw new DatalabError("E_PREFECT_LOGIN", "Prefect refused the stack's own login.", {
        hint: "./datalab up deploys the current secret.",
      });
    }
    throw new DatalabError(
      "E_PREFECT",
      `Prefect refused the request: ${detail(text) || `it answered ${answer.status}`}`,
      {
        exitCode: answer.status === 422 || answer.status === 409 ? exit.usage : exit.failure,
      },
    );
  }

  const found = async <T>(promise: Promise<T | null>): Promise<T> => {
    const value = await promise;
    if (value !== null) return value;
    throw new DatalabError("E_PREFECT_NOT_FOUND", "Prefect no longer has the requested object.");
  };

  return {
    deployment: (name) =>
      call("GET", `/deployments/name/${encodeURIComponent(name)}/${encodeURIComponent(name)}`),
    async pauseDeployment(id, paused) {
      await found(call("POST", `/deployments/${id}/${paused ? "pause" : "resume"}_deployment`));
    },
    async activateSchedule(deployment, schedule) {
      await found(call("PATCH", `/deployments/${deployment}/schedules/${schedule}`, { active: true }));
    },
    createRun: (deployment, parameters) =>
      found(
        call<FlowRun>("POST", `/deployments/${deployment}/create_flow_run`, {
          parameters,
          tags: ["datalab-cli"],
        }),
      ),
    run: (id) => call("GET", `/flow_runs/${encodeURIComponent(id)}`),
    pool: (name) => call("GET", `/work_pools/${encodeURIComponent(name)}`),
    runs: (deployment, { states, sort, limit }) =>
      found(
        call<FlowRun[]>("POST", "/flow_runs/filter", {
          deployments: { id: { any_: [deployment] } },
          flow_runs: { state: { type: { any_: states } } },
          sort,
          limit,
        }),
      ),
    async logs(run, limit) {
      const filter = { flow_run_id: { any_: [run] } };
      const logs = await found(
        call<RunLog[]>("POST", "/logs/filter", { logs: filter, sort: "TIMESTAMP_DESC", limit }),
      );
      return logs.toReversed();
    },
    pools: () => found(call<WorkPool[]>("POST", "/work_pools/filter", {})),
    async pausePool(name, paused) {
      await found(call("PATCH", `/work_pools/${encodeURIComponent(name)}`, { is_paused: paused }));
    },
    activeRuns: () =>
      found(
        call<FlowRun[]>("POST", "/flow_runs/filter", {
          flow_runs: { state: { type: { any_: ["RUNNING", "PENDING", "CANCELLING"] } } },
          sort: "EXPECTED_START_TIME_ASC",
          limit: 200,
        }),
      ),
  };
}

/** Prefect's errors: `{"detail": "..."}`, or a list of what is wrong with which field. */
function detail(text: string): string {
  try {
    const value = JSON.parse(text) as {
      detail?: unknown;
      exception_message?: unknown;
      exception_detail?: unknown;
    };
    const what = value.detail ?? value.exception_detail ?? value.exception_message;
    if (typeof what === "string") return what;
    if (Array.isArray(what)) {
      return what
        .map((each: { loc?: string[]; msg?: string }) => `${each.loc?.join(".")}: ${each.msg}`)
        .join("; ");
    }
  } catch {
    // Not JSON: the text itself says it.
  }
  return text.slice(0, 300);
}
