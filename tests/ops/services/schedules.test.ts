import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { listPipelines } from "../../../src/ops/services/pipelines.ts";
import { prefectClient } from "../../../src/ops/services/prefect-client.ts";
import { handSetText, pausePipeline, setByHand } from "../../../src/ops/services/schedules.ts";
import { platform } from "../fixture-platform.ts";

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

interface Held {
  paused: boolean;
  schedules: { id: string; active: boolean }[];
}

/** A server with one deployment, which is paused and resumed as Prefect 3 does it. */
async function prefect(held: Held) {
  const changes: string[] = [];
  server = createServer(async (request, response) => {
    const body = JSON.parse((await request.toArray()).join("") || "{}");
    const { method = "", url = "" } = request;
    if (method !== "GET" && !url.endsWith("/filter")) changes.push(`${method} ${url.replace("/api", "")}`);
    const schedule = held.schedules.find(({ id }) => url === `/api/deployments/d1/schedules/${id}`);
    if (schedule) schedule.active = body.active;
    if (url.endsWith("pause_deployment")) held.paused = true;
    if (url.endsWith("resume_deployment")) held.paused = false;
    const found = url === "/api/deployments/name/medallion_etl/medallion_etl";
    if (schedule) response.statusCode = 204;
    response.end(
      schedule
        ? ""
        : url.endsWith("/filter")
          ? "[]"
          : JSON.stringify(found ? { id: "d1", version: "abc123", parameters: {}, ...held } : null),
    );
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const port = (server.address() as AddressInfo).port;
  return {
    client: prefectClient(`http://127.0.0.1:${port}/api`, { user: "admin", password: "pw" }),
    changes,
    held,
  };
}

const running = (): Held => ({ paused: false, schedules: [{ id: "s1", active: true }] });
const pausedAsAWhole = (): Held => ({ ...running(), paused: true });
const switchedOff = (): Held => ({ paused: false, schedules: [{ id: "s1", active: false }] });

function declared(paused: boolean) {
  const there = platform();
  return { ...there, pipelines: there.pipelines.map((each) => ({ ...each, paused })) };
}

describe("a pause by hand", () => {
  test.each([
    ["running", running(), false, []],
    ["paused as a whole", pausedAsAWhole(), false, [{ name: "medallion_etl", paused: true }]],
    ["with its schedule switched off", switchedOff(), false, [{ name: "medallion_etl", paused: true }]],
    ["without a schedule", { paused: true, schedules: [] }, false, []],
    ["paused as declared", pausedAsAWhole(), true, []],
    ["resumed against its declaration", running(), true, [{ name: "medallion_etl", paused: false }]],
  ])("is found of a pipeline that is %s", async (_, held, paused, expected) => {
    const { client } = await prefect(held);
    expect(await setByHand(declared(paused), client)).toEqual(expected);
  });

  test.each([pausedAsAWhole(), switchedOff()])("is listed as paused: %j", async (held) => {
    const { client } = await prefect(held);
    expect((await listPipelines(declared(false), client))[0]?.paused).toBe(true);
  });

  test.each([
    [pausedAsAWhole(), ["POST /deployments/d1/resume_deployment"]],
    [switchedOff(), ["PATCH /deployments/d1/schedules/s1"]],
  ])("ends with a resume: %j", async (before, asked) => {
    const { client, changes, held } = await prefect(before);
    const done = await pausePipeline(declared(false), client, "medallion_etl", false);
    expect(done).toEqual({ name: "medallion_etl", paused: false, changed: true });
    expect(changes).toEqual(asked);
    expect(held).toEqual(running());
  });

  test("made twice is the same as once", async () => {
    const { client, changes, held } = await prefect(running());
    const one = await pausePipeline(declared(false), client, "medallion_etl", true);
    const two = await pausePipeline(declared(false), client, "medallion_etl", true);
    expect([one.changed, two.changed]).toEqual([true, false]);
    expect(changes).toEqual(["POST /deployments/d1/pause_deployment"]);
    expect(held).toEqual(pausedAsAWhole());
  });

  test("of a pipeline that is not declared is refused", async () => {
    const { client } = await prefect(running());
    await expect(pausePipeline(declared(false), client, "medalion_etl", true)).rejects.toMatchObject({
      code: "E_PIPELINE",
    });
  });

  test("is told with the command that ends it, for this stack", () => {
    const ticker = { name: "ticker", paused: true };
    expect(handSetText(ticker, "dev")).toBe(
      "ticker: its schedule stays paused (paused by hand); resume it with ./datalab pipelines resume ticker",
    );
    expect(handSetText({ ...ticker, paused: false }, "team-a")).toBe(
      "ticker: its schedule stays active (resumed by hand, its definition says paused: true); pause it with ./datalab pipelines pause ticker --stack team-a",
    );
  });
});
