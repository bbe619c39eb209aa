import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { listPipelines, runLogs, startRun, waitForRun } from "../../../src/ops/services/pipelines.ts";
import { type PrefectClient, prefectClient, prefectOf } from "../../../src/ops/services/prefect-client.ts";
import { platform } from "../fixture-platform.ts";

const run = "407c9c91-e24a-451f-8070-5ce9e6c4518c";
const schema = {
  properties: {
    table: { type: "string", title: "table" },
    count: { type: "integer" },
    note: { anyOf: [{ type: "string" }, { type: "null" }] },
  },
};

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | undefined;
  readonly body: unknown;
}

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

/** A server that speaks the part of Prefect's API that is used, in the shapes that Prefect 3 answers with. */
async function prefect(states: readonly string[] = ["COMPLETED"], version = "abc123") {
  const asked: Asked[] = [];
  let polls = 0;
  const state = (type: string) => ({
    type,
    name: type[0] + type.slice(1).toLowerCase(),
    message: `it is ${type}`,
  });
  const flowRun = (type: string) => ({
    id: run,
    name: "quiet-owl",
    state: state(type),
    start_time: "2026-01-01T00:00:00Z",
    expected_start_time: "2026-01-01T00:00:00Z",
    end_time: null,
    total_run_time: 1.26,
  });
  const answers: Record<string, (body: { parameters?: Record<string, unknown>; sort?: string }) => unknown> =
    {
      "GET /api/deployments/name/medallion_etl/medallion_etl": () => ({
        id: "d1",
        version,
        paused: false,
        parameters: {},
        parameter_openapi_schema: schema,
      }),
      "POST /api/deployments/d1/create_flow_run": () => flowRun("SCHEDULED"),
      [`GET /api/flow_runs/${run}`]: () => flowRun(states[Math.min(polls++, states.length - 1)] as string),
      "POST /api/flow_runs/filter": ({ sort }) =>
        sort === "EXPECTED_START_TIME_DESC"
          ? [flowRun("FAILED")]
          : [{ ...flowRun("SCHEDULED"), expected_start_time: "2026-02-01T00:00:00Z" }],
      "POST /api/logs/filter": () => [
        { timestamp: "2026-01-01T00:00:02Z", level: 40, message: "second" },
        { timestamp: "2026-01-01T00:00:01Z", level: 20, message: "first" },
      ],
    };
  server = createServer(async (request, response) => {
    const text = (await request.toArray()).join("");
    const body = text === "" ? undefined : JSON.parse(text);
    const { method = "", url = "", headers } = request;
    asked.push({ method, path: url, authorization: headers.authorization, body });
    const refused = headers.authorization !== `Basic ${btoa("admin:pw")}`;
    const answer = refused ? undefined : answers[`${method} ${url}`]?.(body);
    response.statusCode = refused
      ? 401
      : body?.parameters?.count === "abc"
        ? 409
        : answer === undefined
          ? 404
          : 200;
    response.end(
      JSON.stringify(
        response.statusCode === 409 ? { detail: "'abc' is not of type 'integer'" } : (answer ?? {}),
      ),
    );
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { client: prefectClient(`${url}/api`, { user: "admin", password: "pw" }), asked, url };
}

test("the client logs in at the endpoint that has a login, with the derived password", async () => {
  const { url, asked } = await prefect();
  const there = platform();
  const api = there.services[2]?.endpoints[1];
  if (api) api.url = `${url}/`;
  const client = prefectOf(there, {
    value: (id) => (id === "prefect/admin" ? "pw" : "wrong"),
    external: () => "",
  });
  expect((await client.deployment("medallion_etl"))?.id).toBe("d1");
  expect(asked[0]?.authorization).toBe(`Basic ${btoa("admin:pw")}`);
});

test("the list joins what is declared with what runs", async () => {
  const { client } = await prefect();
  expect(await listPipelines(platform(), client)).toEqual([
    {
      name: "medallion_etl",
      summary: "CSV to gold.",
      version: "abc123",
      schedule: "daily",
      paused: false,
      registered: true,
      lastRun: { run, state: "failed", at: "2026-01-01T00:00:00Z", seconds: 1.3 },
      nextRun: "2026-02-01T00:00:00Z",
    },
  ]);
});

test("an older version in Prefect is not the declared one", async () => {
  const { client } = await prefect([], "older");
  expect((await listPipelines(platform(), client))[0]?.registered).toBe(false);
});

describe("a run", () => {
  test("is created with typed parameters", async () => {
    const { client, asked } = await prefect();
    const given = new Map([
      ["table", "123"],
      ["count", "7"],
      ["note", "null"],
    ]);
    expect(await startRun(platform(), client, "medallion_etl", given)).toEqual({
      run,
      state: "scheduled",
      seconds: 0,
    });
    expect(asked.at(-1)?.body).toMatchObject({ parameters: { table: "123", count: 7, note: null } });
  });

  test("of an unknown pipeline or parameter is refused before anything is created", async () => {
    const { client, asked } = await prefect();
    await expect(startRun(platform(), client, "medalion_etl", new Map())).rejects.toMatchObject({
      code: "E_PIPELINE",
      exitCode: 2,
      hint: "Did you mean medallion_etl?",
    });
    await expect(
      startRun(platform(), client, "medallion_etl", new Map([["tabel", "x"]])),
    ).rejects.toMatchObject({
      code: "E_PARAMETER",
      exitCode: 2,
      message: 'The pipeline medallion_etl has no parameter "tabel".',
      hint: "Did you mean table?",
    });
    expect(asked.filter(({ path }) => path.includes("create_flow_run"))).toEqual([]);
  });

  test("that Prefect refuses says why", async () => {
    const { client } = await prefect();
    await expect(
      startRun(platform(), client, "medallion_etl", new Map([["count", "abc"]])),
    ).rejects.toMatchObject({
      code: "E_PREFECT",
      exitCode: 2,
      message: "Prefect refused the request: 'abc' is not of type 'integer'",
    });
  });

  test("is waited for until it has ended, however it ended", async () => {
    const { client } = await prefect(["SCHEDULED", "RUNNING", "FAILED"]);
    const seen: string[] = [];
    const end = await waitForRun(client, run, { onProgress: ({ state }) => seen.push(state) });
    expect(seen).toEqual(["scheduled", "running", "failed"]);
    expect(end).toMatchObject({ run, state: "failed", type: "FAILED", message: "it is FAILED" });
  });

  test("goes on when the waiting times out or is interrupted", async () => {
    const { client } = await prefect(["RUNNING"]);
    await expect(waitForRun(client, run, { timeoutSeconds: 0.1 })).rejects.toMatchObject({
      code: "E_TIMEOUT",
    });
    const interrupt = new AbortController();
    setTimeout(() => interrupt.abort(), 50);
    await expect(waitForRun(client, run, { signal: interrupt.signal })).rejects.toThrow("aborted");
  });

  test("has its log shown oldest first", async () => {
    const { client } = await prefect();
    expect((await runLogs(client, run, 10)).map(({ message }) => message)).toEqual(["first", "second"]);
    await expect(runLogs(client, "nothing", 10)).rejects.toMatchObject({ code: "E_RUN", exitCode: 2 });
  });
});

test("a wrong login and a server that is away are told apart", async () => {
  const { url } = await prefect();
  const asks = (client: PrefectClient) => client.deployment("x");
  await expect(asks(prefectClient(`${url}/api`, { user: "admin", password: "no" }))).rejects.toMatchObject({
    code: "E_PREFECT_LOGIN",
  });
  server?.closeAllConnections();
  await new Promise((resolve) => server?.close(resolve));
  await expect(asks(prefectClient(`${url}/api`, { user: "admin", password: "pw" }))).rejects.toMatchObject({
    code: "E_PREFECT_UNREACHABLE",
    message: `Prefect at ${url}/api does not answer (ECONNREFUSED).`,
  });
});
