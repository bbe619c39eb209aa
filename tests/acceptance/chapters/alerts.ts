import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { onlyInAll, tier } from "../../support/tier.ts";
import { eventually } from "../support/eventually.ts";
import { noDiskAlert, type Stage } from "../support/stage.ts";

/** Alerts that really fire, told to a webhook as they would be to people on call. */

const notification = z.object({
  alerts: z.array(
    z.object({ status: z.enum(["firing", "resolved"]), labels: z.record(z.string(), z.string()) }),
  ),
});
interface Arrival {
  readonly status: "firing" | "resolved";
  readonly labels: Readonly<Record<string, string>>;
  readonly at: number;
}

/** A receiver of the test's own on the address that containers of the stack have for this host. */
class Receiver {
  readonly arrivals: Arrival[] = [];
  readonly #server: Server;
  #url = "";

  constructor() {
    this.#server = createServer((request, response) => {
      void request.toArray().then((chunks) => {
        const { alerts } = notification.parse(JSON.parse(Buffer.concat(chunks as Buffer[]).toString("utf8")));
        for (const { status, labels } of alerts)
          this.arrivals.push({ status, labels, at: performance.now() });
        response.end();
      });
    });
  }

  async listen(address: string): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, address, resolve));
    this.#url = `http://${address}:${(this.#server.address() as AddressInfo).port}/`;
  }

  get url(): string {
    return this.#url;
  }

  /** Seconds from `since` until an alert arrived. */
  async until(
    status: Arrival["status"],
    labels: Readonly<Record<string, string>>,
    since: number,
    limitSeconds = 120,
  ): Promise<number> {
    let found: Arrival | undefined;
    await eventually(`${labels.alertname} arrives as ${status}`, limitSeconds, () => {
      found = this.arrivals.find(
        (a) =>
          a.status === status &&
          a.at >= since &&
          Object.entries(labels).every(([name, value]) => a.labels[name] === value),
      );
      return found !== undefined;
    });
    return ((found as Arrival).at - since) / 1000;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

const withinSeconds = 60;
/**
 * The pipeline of the chapter. Written before the first up: a new one would start Prometheus anew, which is
 * silent at first.
 */
export const alertDrill = {
  "pipelines/provoked_alerts/pipeline.yaml":
    "summary: Fails when it is told to.\nentrypoint: flow.py:provoked_alerts\nparameters: { fail: true }\n",
  "pipelines/provoked_alerts/flow.py": [
    "from datalab.pipeline import pipeline",
    "",
    "",
    "@pipeline",
    "def provoked_alerts(fail: bool = True) -> None:",
    "    if fail:",
    '        raise RuntimeError("told to fail")',
    "",
  ].join("\n"),
};

export function alerts(stage: Stage): void {
  describe("alerts that are fired for real arrive within 60 s, and their end does", () => {
    const receiver = new Receiver();
    const told = (what: string, seconds: number) => {
      process.stdout.write(`  ${what}: ${seconds.toFixed(1)} s\n`);
      expect(seconds).toBeLessThan(withinSeconds);
    };

    beforeAll(async () => {
      const { project } = stage;
      const [network] = JSON.parse(project.docker("network", "inspect", `datalab-${project.stack}`)) as {
        IPAM: { Config: { Gateway: string }[] };
      }[];
      await receiver.listen(network?.IPAM.Config[0]?.Gateway as string);
      project.configure((platform) => {
        const alertmanager = { options: { routes: [{ name: "drill", webhook: { url: receiver.url } }] } };
        platform.services = { ...(platform.services as object | undefined), alertmanager };
      });
      await stage.up();
      await settled(stage);
    }, 600_000);
    afterAll(() => receiver.close());

    test("the whole way is proven by the alert that always fires", async () => {
      await eventually("a heartbeat is in the log of alerts", 60, async () => {
        const report = await stage.project.json<{ heartbeat: string | null }>("alerts");
        return report.heartbeat !== null;
      });
    });

    test("a service that is down", async () => {
      const labels = { alertname: "ServiceDown", service: "mlflow", workload: "mlflow" };
      const container = stage.container("mlflow");
      let since = performance.now();
      stage.project.docker("stop", "--time", "5", container);
      try {
        told("service down, to its alert", await receiver.until("firing", labels, since));
        const { active } = await stage.project.json<{ active: { alert: string; service: string }[] }>(
          "alerts",
        );
        expect(active).toContainEqual(expect.objectContaining({ alert: "ServiceDown", service: "mlflow" }));
      } finally {
        since = performance.now();
        stage.project.docker("start", container);
      }
      await receiver.until("resolved", labels, since);
      const { recent } = await stage.project.json<{ recent: { alert: string; status: string }[] }>("alerts");
      expect(recent).toContainEqual(expect.objectContaining({ alert: "ServiceDown", status: "resolved" }));
    });

    test("a pipeline that fails", async () => {
      const labels = { alertname: "PipelineFailed", pipeline: "provoked_alerts" };
      const run = (...parameters: string[]) =>
        stage.project.datalab(
          "pipelines",
          "run",
          "provoked_alerts",
          ...parameters,
          "--wait",
          "--timeout",
          "3m",
          "--json",
        );
      /** Seconds from the end of a run until the change arrived. */
      const afterRun = async (code: number, status: Arrival["status"], ...parameters: string[]) => {
        const since = performance.now();
        const ran = await run(...parameters);
        expect(ran.code, ran.stderr).toBe(code);
        const took = (performance.now() - since) / 1_000;
        return Math.max(0, (await receiver.until(status, labels, since)) - took);
      };
      told("run failed, to its alert", await afterRun(1, "firing"));
      told("run succeeded, to its end", await afterRun(0, "resolved", "--param", "fail=false"));
    });

    const disk = async () => {
      const labels = { alertname: "DiskUsageHigh", service: "host" };
      const late = { alertname: "BackupLate", service: "platform" };
      const threshold = async (used: number, backup?: string) => {
        stage.project.configure((platform) => {
          const thresholds = { disk: { ...noDiskAlert, used }, ...(backup && { backup }) };
          const prometheus = { options: { thresholds } };
          platform.services = { ...(platform.services as object | undefined), prometheus };
        });
        await stage.up();
      };
      let since = performance.now();
      try {
        expect((await stage.project.datalab("backup", "create")).stderr).toContain("monitoring: reported");
        await threshold(0.01, "1s");
        const ready = performance.now();
        const seconds = await receiver.until("firing", labels, since);
        told("threshold deployed, to its alert", seconds - (ready - since) / 1_000);
        await receiver.until("firing", late, since);
      } finally {
        since = performance.now();
        await threshold(noDiskAlert.used);
      }
      // The Prometheus that warned is gone; Alertmanager waits four resend delays for one that says so again.
      await receiver.until("resolved", labels, since, 240);
    };
    onlyInAll(() =>
      test("a disk that is used beyond its threshold, and a backup that is older than it may be", disk),
    );

    test("every alert is one line in the container's log, for the central log store", async () => {
      const logged = () =>
        stage.project
          .dockerOutput("logs", stage.container("core"))
          .split("\n")
          .filter((line) => line.startsWith('{"event":"alert"'))
          .map((line) => JSON.parse(line) as { alert: string; status: string });
      const fired = ["ServiceDown", "PipelineFailed", ...(tier === "all" ? ["DiskUsageHigh"] : [])];
      const wanted = fired.flatMap((alert) => ["firing", "resolved"].map((status) => ({ alert, status })));
      // Each receiver of Alertmanager is told at its own time, the log's up to an interval after ours.
      await eventually("every alert is in the log", 60, () => {
        const events = logged();
        for (const each of wanted) expect(events).toContainEqual(expect.objectContaining(each));
        return true;
      });
    });
  });
}

/** Prometheus says nothing of what is down in its first minute and a half: everything is starting then. */
async function settled(stage: Stage): Promise<void> {
  const started = stage.project
    .docker("inspect", "--format", "{{.State.StartedAt}}", stage.container("prometheus"))
    .trim();
  const left = Date.parse(started) + 100_000 - Date.now();
  if (left > 0) await sleep(left);
}
