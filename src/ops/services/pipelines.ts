import { setTimeout as sleep } from "node:timers/promises";
import { DatalabError } from "../../errors.ts";
import type { PlatformOutput } from "../../outputs/platform.ts";
import { suggest } from "../suggest.ts";
import { parameterValues } from "./parameters.ts";
import type { Deployment, FlowRun, PrefectClient, RunLog } from "./prefect-client.ts";

/** One row of `datalab pipelines list --json`. */
export interface PipelineStatus {
  readonly name: string;
  readonly summary: string;
  readonly version: string;
  readonly schedule: string;
  readonly paused: boolean;
  /** Whether Prefect knows this version of it. */
  readonly registered: boolean;
  readonly lastRun: {
    readonly run: string;
    readonly state: string;
    readonly at: string;
    readonly seconds: number;
  } | null;
  /** ISO 8601; null: not scheduled. */
  readonly nextRun: string | null;
}

/** `datalab pipelines run --json`. */
export interface RunResult {
  readonly run: string;
  readonly state: string;
  readonly seconds: number;
}

export interface RunProgress extends RunResult {
  /** Prefect's type of the state, such as COMPLETED. */
  readonly type: string;
  /** Why it is in this state, where Prefect says so. */
  readonly message: string | null;
  /** What it waits for, when it has not begun for a while. */
  readonly waitsFor: string | null;
}

const ended = ["COMPLETED", "FAILED", "CRASHED", "CANCELLED"];
/** Whether a run in a state of this type has ended, however it ended. */
export const runEnded = (type: string): boolean => ended.includes(type);
const begun = [...ended, "RUNNING", "CANCELLING", "PAUSED"];
const pollMs = 500;
/** A run that has not begun after this long is asked about, and again after as long. */
const askAfterSeconds = 10;

export async function listPipelines(
  platform: PlatformOutput,
  prefect: PrefectClient,
): Promise<PipelineStatus[]> {
  return Promise.all(
    platform.pipelines.map(async ({ name, summary, version, schedule, paused }) => {
      const base = { name, summary, version, schedule, paused };
      const deployment = await prefect.deployment(name);
      if (!deployment) return { ...base, registered: false, lastRun: null, nextRun: null };
      const [last, next] = await Promise.all([
        prefect.runs(deployment.id, { states: begun, sort: "EXPECTED_START_TIME_DESC", limit: 1 }),
        prefect.runs(deployment.id, { states: ["SCHEDULED"], sort: "EXPECTED_START_TIME_ASC", limit: 1 }),
      ]);
      return {
        ...base,
        paused: isPaused(deployment),
        registered: deployment.version === version,
        lastRun: last[0] ? lastRun(last[0]) : null,
        nextRun: next[0]?.expected_start_time ?? null,
      };
    }),
  );
}

function lastRun(run: FlowRun): PipelineStatus["lastRun"] {
  return {
    run: run.id,
    state: stateName(run),
    at: run.start_time ?? run.expected_start_time ?? "",
    seconds: Math.round(run.total_run_time * 10) / 10,
  };
}

/** Whether no run starts by itself: paused as a whole, or with its schedules switched off. */
export const isPaused = ({ paused, schedules = [] }: Deployment): boolean =>
  paused || (schedules.length > 0 && schedules.every(({ active }) => !active));

/** The deployment of a pipeline that the stack declares; throws if there is none. */
export async function registeredPipeline(
  platform: PlatformOutput,
  prefect: PrefectClient,
  name: string,
): Promise<Deployment> {
  const names = platform.pipelines.map((pipeline) => pipeline.name);
  if (!names.includes(name)) {
    throw new DatalabError("E_PIPELINE", `The stack ${platform.stack} has no pipeline "${name}".`, {
      hint: suggest(name, names),
    });
  }
  const deployment = await prefect.deployment(name);
  if (!deployment) {
    throw new DatalabError("E_NOT_REGISTERED", `The pipeline ${name} is not registered in Prefect.`, {
      hint: `./datalab up --stack ${platform.stack} registers it.`,
    });
  }
  return deployment;
}

/** Starts a run of a pipeline. Unknown pipelines and parameters are refused before anything is created. */
export async function startRun(
  platform: PlatformOutput,
  prefect: PrefectClient,
  name: string,
  parameters: ReadonlyMap<string, string>,
): Promise<RunResult> {
  const deployment = await registeredPipeline(platform, prefect, name);
  const values = parameterValues(name, parameters, deployment.parameter_openapi_schema ?? {});
  const run = await prefect.createRun(deployment.id, values);
  return { run: run.id, state: stateName(run), seconds: 0 };
}

export interface WaitOptions {
  readonly timeoutSeconds?: number;
  readonly onProgress?: (progress: RunProgress) => unknown;
  /** Aborts the waiting, never the run. */
  readonly signal?: AbortSignal;
}

/**
 * Waits until a run has ended, however it ended. Throws E_TIMEOUT when it takes too long, and what the signal
 * says.
 */
export async function waitForRun(
  prefect: PrefectClient,
  id: string,
  options: WaitOptions = {},
): Promise<RunProgress> {
  const started = performance.now();
  let failures = 0;
  let waitsFor: string | null = null;
  let asked = 0;
  for (;;) {
    const seconds = Math.round((performance.now() - started) / 100) / 10;
    const run = await prefect.run(id).catch((error: unknown) => {
      // A server that restarts must not end the waiting at once.
      if (++failures > 20) throw error;
      return undefined;
    });
    if (run === null) throw new DatalabError("E_RUN_DELETED", `The run ${id} was deleted.`);
    if (run) {
      failures = 0;
      const { type = "", message = null } = run.state ?? {};
      if (begun.includes(type)) waitsFor = null;
      else if (seconds - asked >= askAfterSeconds) {
        asked = seconds;
        waitsFor = await reasonToWait(prefect, run).catch(() => null);
      }
      const progress = { run: id, state: stateName(run), seconds, type, message, waitsFor };
      options.onProgress?.(progress);
      if (runEnded(type)) return progress;
    }
    if (options.timeoutSeconds !== undefined && seconds >= options.timeoutSeconds) {
      throw new DatalabError(
        "E_TIMEOUT",
        `The run ${id} has not ended within ${options.timeoutSeconds} s; it continues.${waitsFor === null ? "" : ` It waits for ${waitsFor}.`}`,
        {
          hint: `./datalab pipelines logs ${id}`,
        },
      );
    }
    await sleep(pollMs, undefined, options.signal ? { signal: options.signal } : {});
  }
}

/** Why a run has not begun, as far as Prefect can tell. */
async function reasonToWait(prefect: PrefectClient, run: FlowRun): Promise<string> {
  if (run.state?.name === "AwaitingConcurrencySlot" && run.deployment_id) {
    const others = await prefect.runs(run.deployment_id, {
      states: ["RUNNING", "PENDING", "CANCELLING"],
      sort: "EXPECTED_START_TIME_ASC",
      limit: 5,
    });
    const names = others.map(({ id, name }) => `${name} (${id})`);
    return names.length === 0
      ? "a free slot of its pipeline"
      : `${names.join(", ")}, because its pipeline limits concurrent runs`;
  }
  const pool = run.work_pool_name ? await prefect.pool(run.work_pool_name) : null;
  if (pool?.is_paused) return "its paused work pool: ./datalab services start prefect";
  if (pool?.status === "NOT_READY") return "a worker, but none is online: ./datalab platform status";
  if (run.state?.type === "PENDING") return "its process, which a worker is starting";
  return "a worker with a free slot";
}

/** Log lines of a run, oldest first. */
export async function runLogs(prefect: PrefectClient, id: string, limit: number): Promise<readonly RunLog[]> {
  if (!/^[0-9a-f-]{36}$/i.test(id) || !(await prefect.run(id))) {
    throw new DatalabError("E_RUN", `There is no run "${id}".`, {
      hint: "./datalab pipelines list shows the last run of every pipeline with --json.",
    });
  }
  return prefect.logs(id, limit);
}

/** `completed`, `failed`, `awaitingretry`, ...: Prefect's own name of the state, in lower case. */
const stateName = (run: FlowRun): string => (run.state?.name ?? "unknown").toLowerCase();
