import { describe, expect, test } from "vitest";
import { AlertLog, keptChanges } from "../../src/core/alerts.ts";

interface Told {
  readonly status?: "firing" | "resolved";
  readonly name?: string;
  readonly service?: string;
  readonly startsAt?: string;
}

const began = "2026-11-23T06:00:00Z";
const minute = 60_000;

/** A notification as Alertmanager posts it. */
function notification(...alerts: readonly Told[]): string {
  return JSON.stringify({
    version: "4",
    status: "firing",
    receiver: "alert-log",
    alerts: alerts.map(
      ({ status = "firing", name = "ServiceDown", service = "mlflow", startsAt = began }) => ({
        status,
        labels: { alertname: name, service, severity: "critical", workload: service },
        annotations: { summary: `${service} does not answer.` },
        startsAt,
        endsAt: status === "resolved" ? "2026-11-23T06:05:00Z" : "0001-01-01T00:00:00Z",
        generatorURL: "http://prometheus:9090/graph",
        fingerprint: `${name}-${service}`,
      }),
    ),
  });
}

function logOf(): { log: AlertLog; lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = [];
  return { log: new AlertLog((line) => lines.push(JSON.parse(line) as Record<string, unknown>)), lines };
}

describe("the log of alerts", () => {
  test("writes one line of JSON when an alert fires, and one when it ends", () => {
    const { log, lines } = logOf();
    expect(log.receive(notification({}), Date.parse(began))).toBeUndefined();
    log.receive(notification({ status: "resolved" }), Date.parse(began) + minute);
    expect(lines).toEqual([
      {
        event: "alert",
        status: "firing",
        alert: "ServiceDown",
        service: "mlflow",
        severity: "critical",
        summary: "mlflow does not answer.",
        labels: { alertname: "ServiceDown", service: "mlflow", severity: "critical", workload: "mlflow" },
        startsAt: began,
        endsAt: null,
        at: "2026-11-23T06:00:00.000Z",
      },
      expect.objectContaining({ status: "resolved", startsAt: began, endsAt: "2026-11-23T06:05:00Z" }),
    ]);
    expect(log.report()).toMatchObject({
      active: [],
      recent: [{ status: "resolved" }, { status: "firing" }],
    });
  });

  test("takes an alert that is told again for what it is", () => {
    const { log, lines } = logOf();
    for (let i = 0; i < 5; i++) log.receive(notification({}));
    expect(lines.length).toBe(1);
    expect(log.active.length).toBe(1);
    for (let i = 0; i < 3; i++) log.receive(notification({ status: "resolved" }));
    expect(lines.length).toBe(2);
  });

  test("tells a second time an alert begins from the first", () => {
    const { log, lines } = logOf();
    log.receive(notification({}));
    log.receive(notification({ startsAt: "2026-11-23T07:00:00Z" }));
    expect(lines.map(({ startsAt }) => startsAt)).toEqual([began, "2026-11-23T07:00:00Z"]);
    expect(log.active.length).toBe(1);
  });

  test("logs the end of an alert whose beginning it has not seen: the core was started meanwhile", () => {
    const { log, lines } = logOf();
    log.receive(notification({ status: "resolved" }));
    expect(lines).toMatchObject([{ status: "resolved", service: "mlflow" }]);
  });

  test("ends what is not told again for ten minutes", () => {
    const { log, lines } = logOf();
    const now = Date.parse(began);
    log.receive(notification({}, { service: "prefect" }), now);
    log.receive(notification({ service: "prefect" }), now + 9 * minute);
    expect(log.report(now + 9.9 * minute).active.length).toBe(2);
    expect(log.report(now + 10 * minute).active.map(({ service }) => service)).toEqual(["prefect"]);
    expect(lines.at(-1)).toMatchObject({ status: "resolved", service: "mlflow" });
  });

  test("takes the alert that always fires as a sign of life, and lists it nowhere", () => {
    const { log, lines } = logOf();
    expect(log.report().heartbeat).toBeNull();
    log.receive(notification({ name: "Heartbeat", service: "platform" }), Date.parse(began));
    expect(log.report().heartbeat).toBe("2026-11-23T06:00:00.000Z");
    expect([lines, log.active, log.report().recent]).toEqual([[], [], []]);
  });

  test(`keeps the last ${keptChanges} changes, newest first`, () => {
    const { log } = logOf();
    for (let i = 0; i < keptChanges + 50; i++) log.receive(notification({ service: `s${i}` }));
    const { recent, active } = log.report();
    expect(recent.length).toBe(keptChanges);
    expect(recent[0]?.service).toBe(`s${keptChanges + 49}`);
    expect(active.length).toBe(keptChanges + 50);
  });

  test.each([
    ["nothing", "", "not JSON"],
    ["text", "hello", "not JSON"],
    ["something else", "{}", "version"],
    ["an alert without labels", '{"version":"4","alerts":[{"status":"firing"}]}', "alerts.0"],
  ])("refuses %s", (_what, body, words) => {
    const { log, lines } = logOf();
    expect(log.receive(body)).toContain(words);
    expect(lines).toEqual([]);
  });
});
