/** The generated configuration, read by the programs that it is for; and what it says. */
import { describe, expect, test } from "vitest";
import { ConfigError } from "../../src/errors.ts";
import { alertmanagerConfig } from "../../src/monitoring/alertmanager.ts";
import { alertRoutes, routePorts } from "../../src/monitoring/routes.ts";
import { thresholds } from "../../src/monitoring/thresholds.ts";
import { everyModel, filesOf, rulesOf } from "./support/generated.ts";
import { withTools } from "./support/tools.ts";

interface ScrapeConfig {
  readonly job_name: string;
  readonly static_configs?: readonly { targets: string[]; labels: Record<string, string> }[];
  readonly dns_sd_configs?: readonly { names: string[]; port: number }[];
  readonly basic_auth?: { username: string; password_file: string };
}

const model = everyModel();
const files = filesOf(model, "prometheus");
const scrapes = (JSON.parse(files["prometheus.json"] as string) as { scrape_configs: ScrapeConfig[] })
  .scrape_configs;
const named = (job: string) => scrapes.find(({ job_name }) => job_name === job);

describe("the tools take", () => {
  const all = { ...files, ...filesOf(model, "alertmanager") };

  test("Prometheus' configuration, with the files it names", () => {
    const ran = withTools(all, "promtool check config prometheus.json");
    expect(ran.code, ran.output).toBe(0);
    expect(ran.output).toContain("SUCCESS: prometheus.json is valid prometheus config file");
  });

  test("the rules", () => {
    const ran = withTools(all, "promtool check rules rules.json");
    expect(ran.code, ran.output).toBe(0);
    expect(ran.output).toContain(`SUCCESS: ${rulesOf(model).length} rules found`);
  });

  test("Alertmanager's configuration, with a route of every kind", () => {
    const ran = withTools(all, "amtool check-config alertmanager.json");
    expect(ran.code, ran.output).toBe(0);
    expect(ran.output).toContain("5 receivers");
  });
});

describe("what Alertmanager does with an alert", () => {
  const receivers = (...labels: readonly string[]) =>
    withTools(
      filesOf(model, "alertmanager"),
      `amtool config routes test --config.file=alertmanager.json ${labels.join(" ")} 2>/dev/null`,
    ).output.trim();

  test.each([
    [
      ["alertname=ServiceDown", "severity=critical", "service=prefect"],
      "alert-log,hook,hidden-hook,chat,post",
    ],
    [["alertname=TargetDown", "severity=warning", "service=mlflow"], "alert-log,hook,chat,post"],
    [["alertname=Something", "severity=info", "service=mlflow"], "alert-log,hook"],
    [["alertname=Heartbeat", "severity=info", "service=platform"], "alert-log"],
  ])("%s goes to %s", (labels, expected) => {
    expect(receivers(...labels)).toBe(expected);
  });
});

describe("scrapes", () => {
  test("are one job per thing that says what it measures, and probes of every endpoint", () => {
    const jobs = scrapes.map(({ job_name }) => job_name);
    expect(new Set(jobs).size).toBe(jobs.length);
    expect(jobs).toEqual(
      expect.arrayContaining([
        "core",
        "prometheus",
        "alertmanager",
        "node-exporter",
        "twins",
        "endpoints-http",
      ]),
    );
    const endpoints = model.services
      .flatMap((s) => s.workloads)
      .filter(({ oneShot }) => !oneShot)
      .flatMap((w) => w.endpoints.map((e) => `${w.name}.${e.name}`));
    const probed = ["endpoints-http", "endpoints-tcp"].flatMap((job) =>
      (named(job)?.static_configs ?? []).map(({ labels }) => `${labels.workload}.${labels.endpoint}`),
    );
    expect(probed.sort()).toEqual(endpoints.sort());
  });

  test("find replicas by the name that stands for all of them, and a single one even while it is down", () => {
    expect(named("twins")?.dns_sd_configs).toMatchObject([{ names: ["twins"], type: "A", port: 8080 }]);
    expect(named("core")?.static_configs).toEqual([
      { targets: ["core:7070"], labels: { service: "core", workload: "core" } },
    ]);
  });

  test("hold no secret: those stand in files of their own", () => {
    expect(files["prometheus.json"]).not.toContain("<secret>");
    for (const { basic_auth } of scrapes.filter((scrape) => scrape.basic_auth)) {
      const file = basic_auth?.password_file.replace("/run/datalab/", "") ?? "";
      expect(files[file]).toBe("<secret>");
    }
  });
});

describe("routes", () => {
  test("hold no secret: those from outside stand in files of their own", () => {
    const own = filesOf(model, "alertmanager");
    expect(own["alertmanager.json"]).not.toMatch(/<(secret|external)>/);
    expect(own).toMatchObject({
      "external-hook-url": "<external>",
      "external-slack-url": "<external>",
      "external-smtp-password": "<external>",
      "alert-log-password": "<secret>",
    });
  });

  test("that need a secret nobody has given are an error that says how to give it", () => {
    const yaml =
      'services: { alertmanager: { options: { routes: [{ name: a, slack: { urlSecret: url-of-slack, channel: "#a" }}]}}}';
    const text = wrong(() => everyModel(yaml));
    expect(text).toContain("expected the secret url-of-slack to be set");
    expect(text).toContain("./datalab secrets set url-of-slack --stack dev");
  });

  test.each([
    ["nobody", [{ name: "a" }], "at least one of webhook, slack and email"],
    ["two of one name", [hook("a"), hook("a")], "different names"],
    ["the platform's own", [hook("alert-log")], "another name"],
    ["a URL and a secret one", [{ name: "a", webhook: { url: "http://a", urlSecret: "b" } }], "either"],
    ["no URL", [{ name: "a", webhook: { url: "a" } }], "http"],
  ])("to %s are refused", (_what, routes, words) => {
    const parsed = alertRoutes.safeParse(routes);
    expect(JSON.stringify(parsed.error?.issues)).toContain(words);
  });

  test("reach the ports of their addresses, which network rules are made of", () => {
    const email = { to: ["a@example.com"], from: "b@example.com", server: "smtp.example.com:587" };
    const routes = alertRoutes.parse([
      { name: "a", webhook: { url: "http://hooks.example.com/x" } },
      { name: "b", webhook: { url: "https://hooks.example.com:8443/x" } },
      { name: "c", webhook: { urlSecret: "hook-url", port: 9443 }, email },
      { name: "d", webhook: { urlSecret: "hook-url" }, slack: { urlSecret: "slack-url", channel: "#a" } },
    ]);
    expect(routePorts(routes).map(({ port }) => port)).toEqual([80, 8443, 9443, 587, 443, 443]);
    const yaml =
      "services: { alertmanager: { options: { routes: [{ name: a, webhook: { url: 'http://a:81' }}, { name: b, webhook: { url: 'https://a' }}]}}}";
    const workloads = everyModel(yaml).services.flatMap((s) => s.workloads);
    const outward = workloads.filter((w) => w.reaches.length > 0).map((w) => [w.name, w.reaches]);
    expect(outward).toEqual([["alertmanager", [{ port: 81 }, { port: 443 }]]]);
  });

  test("resolved alerts are told as well, and a service that is down does not tell its checks again", () => {
    const config = alertmanagerConfig({
      log: { url: "http://core/alerts", user: null },
      routes: alertRoutes.parse([hook("a")]),
    }) as {
      receivers: { webhook_configs: { send_resolved: boolean }[] }[];
      inhibit_rules: { equal?: string[] }[];
    };
    for (const receiver of config.receivers) expect(receiver.webhook_configs[0]?.send_resolved).toBe(true);
    expect(config.inhibit_rules[0]?.equal).toEqual(["service"]);
  });
});

describe("thresholds", () => {
  test("stand in the rules", () => {
    const yaml = `
      services:
        prometheus:
          options:
            thresholds: { disk: { used: 0.01 }, serviceDown: 20s, checkChanges: 7, latency: 3s, pipelineFailures: 2 }
    `;
    const rule = (name: string) => rulesOf(everyModel(yaml)).find(({ alert }) => alert === name);
    expect(rule("DiskUsageHigh")?.expr).toBe("datalab:disk_used:share > 0.01");
    expect(rule("ServiceDown")?.for).toBe("20s");
    expect(rule("CheckFlapping")?.expr).toMatch(/>= 7$/);
    expect(rule("EndpointSlow")?.expr).toMatch(/> 3$/);
    expect(rule("PipelineFailed")?.expr).toMatch(/>= 2$/);
    for (const name of ["TableOld", "BackupLate", "BackupMissing"]) expect(rule(name)).toBeUndefined();
  });

  test.each([{ cpu: 0 }, { cpu: 1.1 }, { disk: { free: "2" } }, { latency: "fast" }, { nothing: 1 }])(
    "%j is refused",
    (given) => {
      expect(thresholds.safeParse(given).success).toBe(false);
    },
  );
});

function wrong(attempt: () => unknown): string {
  try {
    attempt();
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error("the configuration was taken");
}

function hook(name: string) {
  return { name, webhook: { url: "http://a:1" } };
}
