/** Alerts and measurements of a core as a process of its own, over HTTP. */
import { afterEach, expect, test } from "vitest";
import { entry, type RunningCore, send, startProcess, until } from "./process.ts";

let core: RunningCore | undefined;

afterEach(async () => {
  await core?.stop();
  core = undefined;
});

const login = { user: "alertmanager", password: "a-password-of-some-length" };
const basic = (user: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`,
});
const right = basic(login.user, login.password);
const notification = (summary = "postgres does not answer.") =>
  JSON.stringify({
    version: "4",
    alerts: [
      {
        status: "firing",
        labels: { alertname: "ServiceDown", service: "postgres", severity: "critical" },
        annotations: { summary },
        startsAt: "2026-11-23T06:00:00.5Z",
        endsAt: "0001-01-01T00:00:00Z",
        fingerprint: "f1",
      },
    ],
  });

test("an alert that is posted with the right login is logged as one line of JSON, and shown", async () => {
  core = await startProcess(["fixture"], [], { alerts: login });
  const url = `${core.url}/alerts`;
  const posted = await send(url, { method: "POST", headers: right, body: notification() });
  expect([posted.status, posted.json]).toEqual([200, { ok: true }]);
  const { json } = await send(url);
  expect(json.active).toMatchObject([{ alert: "ServiceDown", service: "postgres", severity: "critical" }]);
  await until(
    async () => core?.output.length ?? 0,
    (lines) => lines > 0,
  );
  expect(JSON.parse(core.output[0] as string)).toEqual(json.active[0]);
  const { text } = await send(`${core.url}/metrics`);
  expect(text).toContain('datalab_alerts_active{severity="critical"} 1');
});

test.each([
  ["no login", {}],
  ["another user", basic("admin", login.password)],
  ["another password", basic(login.user, "a-password-of-some-lengtH")],
  ["a bearer token", { authorization: `Bearer ${login.password}` }],
])("an alert with %s is refused", async (_what, headers) => {
  core = await startProcess(["fixture"], [], { alerts: login });
  const answer = await send(`${core.url}/alerts`, { method: "POST", headers, body: notification() });
  expect([answer.status, answer.json.error.code]).toEqual([401, "E_LOGIN"]);
  expect((await send(`${core.url}/alerts`)).json.active).toEqual([]);
});

test("a backup that was read back stands in the metrics once the core was told of it", async () => {
  core = await startProcess(["fixture"], [], { alerts: login });
  const metrics = async () => (await send(`${core?.url}/metrics`)).text;
  const post = (headers: Record<string, string>, body: string) =>
    send(`${core?.url}/backup`, { method: "POST", headers, body });
  const series = 'datalab_backup_verified_timestamp_seconds{service="platform"} ';
  expect(await metrics()).not.toContain(series);
  expect((await post({}, '{"at":"2026-01-31T12:00:00.000Z"}')).status).toBe(401);
  for (const body of ["{", '{"at":"yesterday"}', '{"at":1}', "{}"])
    expect((await post(right, body)).json.error.code).toBe("E_BACKUP_REPORT");
  expect(await metrics()).not.toContain(series);
  for (const time of ["12:00:00", "11:00:00"])
    expect((await post(right, `{"at":"2026-01-31T${time}.000Z"}`)).status).toBe(200);
  expect(await metrics()).toContain(`${series}1769860800\n`);
});

test("a core that was given no login takes alerts from nobody", async () => {
  core = await startProcess(["fixture"], []);
  const answer = await send(`${core.url}/alerts`, { method: "POST", headers: right, body: notification() });
  expect(answer.status).toBe(401);
});

test("a notification may be large, everything else may not, and neither without the login", async () => {
  core = await startProcess(["fixture"], [], { alerts: login });
  const post = (path: string, headers: Record<string, string>, body: string) =>
    send(`${core?.url}${path}`, { method: "POST", headers, body });
  const large = notification("x".repeat(200_000));
  expect((await post("/alerts", right, large)).status).toBe(200);
  expect((await post("/alerts", {}, large)).status).toBe(413);
  expect((await post("/check", right, large)).status).toBe(413);
  expect((await post("/alerts", right, "{")).json.error.code).toBe("E_ALERTS");
});

test("what a collector measures stands in the metrics, and what is unknown is said", async () => {
  const collectors = [entry("fixture", "counts"), entry("fixture", "unknown")];
  core = await startProcess(["fixture"], [], { collectors });
  const { text } = await until(
    () => send(`${core?.url}/metrics`),
    (answer) => answer.text.includes('datalab_fixture_things{service="fixture",kind="a"} 2'),
  );
  expect(text).toContain('datalab_collector_ok{service="fixture",collector="counts"} 1');
  expect(text).toContain('datalab_collector_ok{service="fixture",collector="unknown"} 0');
  expect(core.log.join("\n")).toContain('no collector "unknown" for fixture');
});
