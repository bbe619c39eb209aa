import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { entry, type RunningCore, send, startProcess, until } from "./process.ts";

let core: RunningCore | undefined;

afterEach(async () => {
  await core?.stop();
  core = undefined;
});

async function start(services: string[], checks: unknown[]): Promise<RunningCore> {
  core = await startProcess(services, checks);
  return core;
}

const hasRun = ({ json }: { json: { services: { checks: { history: unknown[] }[] }[] } }) =>
  json.services.every(({ checks }) => checks.every(({ history }) => history.length > 0));

test("answers at once, before a check has run", async () => {
  const { url } = await start(["fixture"], [entry("fixture", "obeys")]);
  expect((await send(`${url}/livez`)).json).toEqual({ ok: true });
  const { json } = await send(`${url}/health`);
  expect(json).toMatchObject({ stack: "test", state: "down" });
  expect(json.services[0].checks[0]).toMatchObject({
    name: "obeys",
    ok: false,
    ms: 0,
    message: "not run yet",
    history: [],
  });
});

test("a service that has the time to start is starting, not down", async () => {
  const { url } = await start(["fixture"], [entry("fixture", "fails", { startSeconds: 3600 })]);
  const { json } = await until(() => send(`${url}/health`), hasRun);
  expect(json).toMatchObject({ state: "starting", services: [{ state: "starting" }] });
  expect(json.services[0].checks[0]).toMatchObject({
    ok: false,
    starting: true,
    history: [{ starting: true }],
  });
  const { text } = await send(`${url}/metrics`);
  expect(text).toContain('datalab_service_state{service="fixture",state="starting"} 1');
});

test("a service is healthy, degraded or down by how many of its checks pass", async () => {
  const ok = entry("fixture", "passes");
  const bad = entry("fixture", "fails");
  const alsoBad = entry("fixture", "throws");
  const { url } = await start(["fixture", "idle"], [ok, bad, alsoBad]);
  const { json } = await until(() => send(`${url}/health`), hasRun);
  expect(json.state).toBe("degraded");
  expect(json.services.map((s: { name: string; state: string }) => [s.name, s.state])).toEqual([
    ["fixture", "degraded"],
    ["idle", "healthy"],
  ]);
  const messages = json.services[0].checks.map((c: { message: string }) => c.message);
  expect(messages).toEqual(["all is well", "the table is gone", "not a promise"]);
  const { json: registry } = await send(`${url}/registry`);
  expect(registry.services[0]).toMatchObject({ name: "fixture", version: "1", state: "degraded" });
});

test("checks given as data are run without a function", async () => {
  const server = createServer((request, response) => {
    response.statusCode = request.url === "/ready" ? 200 : 503;
    response.end("x".repeat(100_000));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const http = (path: string, status = 200) => ({ http: { url: `http://127.0.0.1:${port}${path}`, status } });
  const { url } = await start(
    ["data"],
    [
      entry("data", "ready", http("/ready")),
      entry("data", "busy", http("/busy")),
      entry("data", "busy-as-expected", http("/busy", 503)),
      entry("data", "open", { tcp: { host: "127.0.0.1", port: String(port) } }),
      entry("data", "closed", { tcp: { host: "127.0.0.1", port: "1" } }),
      entry("data", "unknown"),
    ],
  );
  const { json } = await until(() => send(`${url}/health`), hasRun);
  const found = Object.fromEntries(
    json.services[0].checks.map((c: { name: string; ok: boolean; message?: string }) => [
      c.name,
      c.message ?? c.ok,
    ]),
  );
  expect(found).toEqual({
    ready: true,
    busy: `GET http://127.0.0.1:${port}/busy answered 503, expected 200`,
    "busy-as-expected": true,
    open: true,
    closed: "connect ECONNREFUSED 127.0.0.1:1",
    unknown: 'this core has no check "unknown" for data: its image and the platform differ; run up again',
  });
  server.close();
});

test("a message never carries a secret", async () => {
  const password = "pw-0123456789abcdef";
  const secretKey = "sk-0123456789abcdef";
  const admin = "ad-0123456789abcdef";
  const leaks = entry("fixture", "leaks", {
    needs: { db: { password, secretKey } as never },
    secrets: { admin },
  });
  const { url, log } = await start(["fixture"], [leaks]);
  const { json, text } = await until(() => send(`${url}/health`), hasRun);
  expect(json.services[0].checks[0].message).toBe(
    "[hidden] then [hidden] then [hidden] then Basic [hidden]: postgresql://prefect:[hidden]@postgres/prefect",
  );
  for (const shown of [text, log.join("\n"), (await send(`${url}/metrics`)).text]) {
    for (const value of [password, secretKey, admin, btoa(`admin:${admin}`)])
      expect(shown).not.toContain(value);
  }
});

test("a check ends at its timeout, whether it listens to its signal or not", async () => {
  const short = { timeoutSeconds: 0.2, everySeconds: 1 };
  const { url } = await start(
    ["fixture"],
    [entry("fixture", "obeys", short), entry("fixture", "hangs", short)],
  );
  const { json } = await until(() => send(`${url}/health`), hasRun);
  for (const check of json.services[0].checks) {
    expect(check).toMatchObject({ ok: false, message: "timed out after 0.2 s" });
    expect(check.ms).toBeGreaterThanOrEqual(195);
    expect(check.ms).toBeLessThan(1000);
  }
  const { json: again } = await send(`${url}/check`, { method: "POST" });
  expect(again.services[0].checks[1].message).toMatch(/^an earlier run still has not ended/);
});

test("until it has passed once a check is retried every second", async () => {
  const { url } = await start(["fixture"], [entry("fixture", "recovers", { everySeconds: 60 })]);
  const { json } = await until(
    () => send(`${url}/health`),
    (answer) => answer.json.state === "healthy",
  );
  const [first, second] = json.services[0].checks[0].history;
  expect([first.ok, second.ok]).toEqual([false, true]);
  expect(Date.parse(second.at) - Date.parse(first.at)).toBeLessThan(2_000);
});

test("POST /check runs checks now and joins a run that is under way", async () => {
  const { url } = await start(["fixture", "other"], [entry("fixture", "slow"), entry("other", "unknown")]);
  await until(() => send(`${url}/health`), hasRun);
  const check = () => send(`${url}/check?service=fixture`, { method: "POST" });
  const answers = await Promise.all([check(), check(), check()]);
  for (const { status, json } of answers) {
    expect(status).toBe(200);
    expect(json.services).toHaveLength(1);
    expect(json.services[0].checks[0]).toMatchObject({ ok: true, message: "run 2" });
    expect(json.services[0].checks[0].history).toHaveLength(2);
  }
});

test("what a check breaks outside of its promise does not end the core", async () => {
  const { url, log } = await start(["fixture"], [entry("fixture", "crashes")]);
  const { json } = await until(() => send(`${url}/health`), hasRun);
  expect(json.services[0].checks[0]).toMatchObject({ ok: true, message: "still here" });
  await until(
    async () => log.join("\n"),
    (text) => text.includes("out of band") && text.includes("unhandled"),
  );
});

test("only known names are served, and pages of other sites are refused", async () => {
  const { url } = await start(["fixture"], []);
  const { port } = new URL(url);
  const status = async (headers: Record<string, string>, method = "GET") =>
    (await send(`${url}/livez`, { headers, method })).status;
  for (const host of [
    "127.0.0.1",
    "LOCALHOST",
    `core:${port}`,
    `[::1]:${port}`,
    "datalab-test-core",
    "extra",
  ]) {
    expect(await status({ host })).toBe(200);
  }
  for (const host of ["evil.example", "127.0.0.1.evil.example", "core.evil:7070"]) {
    expect(await status({ host })).toBe(421);
  }
  expect(await status({ origin: "http://evil.example" })).toBe(403);
  expect(await status({ origin: `http://127.0.0.1:${port}` })).toBe(200);
  expect(await status({}, "DELETE")).toBe(405);
});

test("wrong requests are answered as JSON errors", async () => {
  const { url } = await start(["fixture"], []);
  const code = async (path: string, options = {}) => {
    const { status, json } = await send(`${url}${path}`, options);
    return [status, json.error.code];
  };
  expect(await code("/nothing")).toEqual([404, "E_PATH"]);
  expect(await code("//[")).toEqual([404, "E_PATH"]);
  expect(await code("/health/nobody")).toEqual([404, "E_SERVICE"]);
  expect(await code("/check?service=nobody", { method: "POST" })).toEqual([404, "E_SERVICE"]);
  expect(await code("/check", { method: "POST", body: "x".repeat(5000) })).toEqual([413, "E_BODY"]);
  expect(await code("/check")).toEqual([404, "E_PATH"]);
  const { headers } = await send(`${url}/livez`);
  expect(headers).toMatchObject({ "x-content-type-options": "nosniff", "cache-control": "no-store" });
});

test("metrics hold every check and the state of every service", async () => {
  const { url } = await start(["fixture"], [entry("fixture", "passes"), entry("fixture", "fails")]);
  await until(() => send(`${url}/health`), hasRun);
  const { text, headers } = await send(`${url}/metrics`);
  expect(headers["content-type"]).toMatch(/^text\/plain/);
  for (const line of [
    'datalab_check_ok{service="fixture",check="passes"} 1',
    'datalab_check_ok{service="fixture",check="fails"} 0',
    'datalab_check_runs_total{service="fixture",check="passes",result="ok"} 1',
    'datalab_check_runs_total{service="fixture",check="passes",result="failed"} 0',
    'datalab_check_duration_seconds_count{service="fixture",check="passes"} 1',
    'datalab_service_state{service="fixture",state="degraded"} 1',
    'datalab_service_state{service="fixture",state="healthy"} 0',
  ]) {
    expect(text.split("\n")).toContain(line);
  }
});

test("SIGTERM ends it with 0 within a second, also while checks run", async () => {
  const { url, child, log } = await start(
    ["fixture"],
    [entry("fixture", "obeys"), entry("fixture", "hangs"), entry("fixture", "passes")],
  );
  await send(`${url}/livez`);
  const started = performance.now();
  child.kill("SIGTERM");
  const [code] = await once(child, "exit");
  expect(code).toBe(0);
  expect(performance.now() - started).toBeLessThan(1_000);
  expect(log.join("\n")).not.toMatch(/Uncaught|Unhandled/);
});
