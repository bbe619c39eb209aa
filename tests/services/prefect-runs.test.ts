import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { CheckContext, Sample } from "../../src/model/service.ts";
import { pipelineRuns, type Run } from "../../src/services/prefect/runs.ts";

/** What `POST /flow_runs/filter` was asked. */
interface Question {
  readonly deployments?: { readonly id: { readonly any_: readonly string[] } };
  readonly flow_runs: {
    readonly state: { readonly type: { readonly any_: readonly string[] } };
    readonly end_time?: { readonly after_: string };
  };
  readonly sort?: "END_TIME_DESC" | "EXPECTED_START_TIME_ASC";
  readonly limit: number;
  readonly offset?: number;
}

const minute = 60_000;
const ago = (ms: number) => new Date(Date.now() - ms).toISOString();

let deployments: { id: string; name: string; tags: string[] }[];
let runs: Run[];
let questions: Question[];
let logins: (string | undefined)[];
let status: number;
let ctx: CheckContext;

/** Answers as Prefect 3 does: a question's conditions all hold, and no answer has more than 200 runs. */
function select(asked: Question): Run[] {
  const { state, end_time } = asked.flow_runs;
  const found = runs.filter(
    (run) =>
      state.type.any_.includes(run.state_type) &&
      (asked.deployments?.id.any_.includes(run.deployment_id ?? "") ?? true) &&
      (end_time === undefined || (run.end_time !== null && run.end_time >= end_time.after_)),
  );
  const key = (run: Run) =>
    asked.sort === "END_TIME_DESC"
      ? -Date.parse(run.end_time ?? "")
      : Date.parse(run.expected_start_time ?? "");
  const sorted = asked.sort ? found.toSorted((a, b) => key(a) - key(b)) : found;
  const offset = asked.offset ?? 0;
  return sorted.slice(offset, offset + Math.min(asked.limit, 200));
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  logins.push(request.headers.authorization);
  response.statusCode = status;
  response.setHeader("content-type", "application/json");
  const path = `${request.method} ${request.url}`;
  if (path === "POST /api/deployments/filter") return void response.end(JSON.stringify(deployments));
  if (path !== "POST /api/flow_runs/filter") response.statusCode = 404;
  const asked = JSON.parse(Buffer.concat(chunks).toString()) as Question;
  questions.push(asked);
  response.end(JSON.stringify(select(asked)));
}

const server = createServer((request, response) => void answer(request, response));
beforeEach(async () => {
  deployments = [
    { id: "d-etl", name: "etl", tags: ["daily"] },
    { id: "d-health", name: "roundtrip", tags: ["datalab-system"] },
  ];
  runs = [];
  questions = [];
  logins = [];
  status = 200;
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  ctx = {
    needs: {},
    secrets: { admin: "s3cret" },
    endpoints: { "main.api": `http://127.0.0.1:${port}` },
    stack: "dev",
    signal: AbortSignal.timeout(10_000),
  };
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
});

/** As Prefect lists a run that has ended. */
function ended(id: string, state: string, endedAgoMs: number, more: Partial<Run> = {}): Run {
  return {
    id,
    deployment_id: "d-etl",
    state_type: state,
    state_name: state[0] + state.slice(1).toLowerCase(),
    end_time: ago(endedAgoMs),
    expected_start_time: ago(endedAgoMs + minute),
    next_scheduled_start_time: null,
    total_run_time: 12.5,
    ...more,
  };
}
function open(id: string, state: string, name: string, startsAgoMs: number): Run {
  return ended(id, state, 0, {
    state_name: name,
    end_time: null,
    expected_start_time: ago(startsAgoMs),
    total_run_time: 0,
  });
}

/** `metric{state}` -> value, without the common start of the names. */
const figures = (samples: readonly Sample[]) =>
  Object.fromEntries(
    samples.map((s) => [
      s.name.replace("datalab_pipeline_", "") + (s.labels.state ? ` ${s.labels.state}` : ""),
      s.value,
    ]),
  );
const near = (ms: number) => expect.closeTo(ms / 1000, -1);

describe("runs of pipelines", () => {
  test("a pipeline that never ran has no times, and its counts are 0", async () => {
    const samples = await pipelineRuns("datalab-system")(ctx);
    expect(figures(samples)).toEqual({
      "runs_day completed": 0,
      "runs_day failed": 0,
      "runs_day crashed": 0,
      "runs_day cancelled": 0,
      consecutive_failures: 0,
      running: 0,
      lateness_seconds: 0,
    });
    expect(new Set(samples.map((s) => s.labels.pipeline))).toEqual(new Set(["etl"]));
    expect(new Set(logins)).toEqual(new Set([`Basic ${btoa("admin:s3cret")}`]));
  });

  test("says how they ended, how often in a row they failed, how long the last one took", async () => {
    runs = [
      ended("old", "FAILED", 30 * 60 * minute),
      ended("good", "COMPLETED", 50 * minute, { total_run_time: 7 }),
      ended("bad", "FAILED", 40 * minute),
      ended("gone", "CRASHED", 30 * minute),
      ended("stopped", "CANCELLED", 20 * minute, { total_run_time: 3.25 }),
      ended("health", "COMPLETED", 1 * minute, { deployment_id: "d-health" }),
      ended("by hand", "COMPLETED", 1 * minute, { deployment_id: null }),
      open("now", "RUNNING", "Running", 1 * minute),
      open("soon", "PENDING", "Pending", 0),
    ];
    expect(figures(await pipelineRuns("datalab-system")(ctx))).toEqual({
      "runs_day completed": 1,
      "runs_day failed": 1,
      "runs_day crashed": 1,
      "runs_day cancelled": 1,
      consecutive_failures: 2,
      running: 2,
      lateness_seconds: 0,
      last_success_timestamp_seconds: near(Date.now() - 50 * minute),
      last_failure_timestamp_seconds: near(Date.now() - 30 * minute),
      last_duration_seconds: 3.25,
    });
  });

  test("is late by the run that waits longest; one that waits for its retry or another run is not", async () => {
    runs = [
      open("late", "SCHEDULED", "Late", 90_000),
      open("later", "SCHEDULED", "Late", 30_000),
      open("retry", "SCHEDULED", "AwaitingRetry", 500_000),
      open("slot", "SCHEDULED", "AwaitingConcurrencySlot", 500_000),
      open("second", "SCHEDULED", "Scheduled", -20 * minute),
      open("first", "SCHEDULED", "Scheduled", -10 * minute),
    ];
    expect(figures(await pipelineRuns("datalab-system")(ctx))).toMatchObject({
      lateness_seconds: near(90_000),
      next_run_timestamp_seconds: near(Date.now() + 10 * minute),
    });
  });

  test("later questions ask for what is new only, and count no run twice", async () => {
    const collect = pipelineRuns("datalab-system");
    runs = [ended("one", "FAILED", 5000)];
    await collect(ctx);
    questions = [];
    runs.push(ended("two", "FAILED", 0));
    const samples = await collect(ctx);
    expect(figures(samples)).toMatchObject({ "runs_day failed": 2, consecutive_failures: 2 });
    expect(questions.every((asked) => asked.deployments === undefined)).toBe(true);
    const [since, ...others] = questions.flatMap((asked) => asked.flow_runs.end_time?.after_ ?? []);
    expect(others).toEqual([]);
    expect(Date.now() - Date.parse(since ?? "")).toBeLessThan(2 * minute);
    runs.push(ended("three", "COMPLETED", 0));
    expect(figures(await collect(ctx))).toMatchObject({ consecutive_failures: 0, "runs_day failed": 2 });
  });

  test("more runs than one answer has are all counted", async () => {
    runs = Array.from({ length: 450 }, (_, i) => ended(`run ${i}`, "COMPLETED", i * minute));
    expect(figures(await pipelineRuns("datalab-system")(ctx))["runs_day completed"]).toBe(450);
    const asked = questions.filter((q) => q.flow_runs.end_time);
    expect(asked.map((q) => q.offset)).toEqual([0, 200, 400]);
  });

  test("a pipeline comes and goes with its deployment", async () => {
    const collect = pipelineRuns("datalab-system");
    await collect(ctx);
    const names = (samples: readonly Sample[]) => [...new Set(samples.map((s) => s.labels.pipeline))];
    deployments.push({ id: "d-new", name: "new", tags: [] });
    runs = [ended("before", "COMPLETED", 48 * 60 * minute, { deployment_id: "d-new" })];
    const both = await collect(ctx);
    expect(names(both)).toEqual(["etl", "new"]);
    // Its runs of before are looked up once.
    expect(figures(both.filter((s) => s.labels.pipeline === "new"))).toMatchObject({
      last_success_timestamp_seconds: near(Date.now() - 48 * 60 * minute),
      "runs_day completed": 0,
    });
    deployments = deployments.filter(({ id }) => id !== "d-etl");
    expect(names(await collect(ctx))).toEqual(["new"]);
  });

  test.each([401, 500])("an answer %i is an error that names the question", async (code) => {
    status = code;
    await expect(pipelineRuns("datalab-system")(ctx)).rejects.toThrow(
      `POST /deployments/filter answered ${code}`,
    );
  });

  test("ends with its time", async () => {
    const late = { ...ctx, signal: AbortSignal.abort(new Error("its time is over")) };
    await expect(pipelineRuns("datalab-system")(late)).rejects.toThrow("its time is over");
  });
});
