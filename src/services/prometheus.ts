import { z } from "zod";
import { curl } from "../model/curl.ts";
import { type EndpointGrant, endpoint } from "../model/needs.ts";
import { json, type Text, t } from "../model/refs.ts";
import { type AlertRule, type CheckContext, defineService } from "../model/service.ts";
import { durationPattern } from "../model/units.ts";
import { rulesFile } from "../monitoring/rules.ts";
import { credentialFile, prometheusConfig } from "../monitoring/scrape.ts";
import { thresholds } from "../monitoring/thresholds.ts";

const duration = (text: string, value: string) =>
  z.string().regex(durationPattern, 'a duration such as "15d"').default(value).describe(text);

const alerts: readonly AlertRule[] = [
  {
    name: "RulesFailing",
    expr: "increase(prometheus_rule_evaluation_failures_total[5m]) > 0",
    for: "1m",
    severity: "critical",
    summary: "Prometheus can't evaluate all of its rules: alerts may be missing.",
  },
  {
    name: "MetricsNotStored",
    expr: "increase(prometheus_tsdb_wal_corruptions_total[15m]) + increase(prometheus_tsdb_compactions_failed_total[15m]) + increase(prometheus_tsdb_checkpoint_creations_failed_total[15m]) > 0",
    for: "0s",
    severity: "critical",
    summary: "Prometheus can't write its data: is the disk full?",
  },
  {
    name: "AlertsNotSent",
    expr: "sum(increase(prometheus_notifications_errors_total[5m])) + sum(increase(prometheus_notifications_dropped_total[5m])) > 0",
    for: "30s",
    severity: "critical",
    summary: "Prometheus can't hand alerts to Alertmanager.",
  },
  {
    name: "ScrapesTooLarge",
    expr: "increase(prometheus_target_scrapes_exceeded_sample_limit_total[10m]) > 0 or prometheus_tsdb_head_series > 200000",
    for: "5m",
    severity: "warning",
    summary: "Prometheus has more series than it is sized for.",
  },
];

const hostPort = (grant: EndpointGrant | null) => grant && t`${grant.host}:${grant.port}`;

/** Asks it a question whose answer must be fresh: it scrapes, stores and evaluates. */
async function freshSeries({ endpoints, signal }: CheckContext): Promise<string> {
  const query = encodeURIComponent("max(timestamp(up)) > time() - 120");
  const answer = await fetch(`${endpoints["main.ui"]}/api/v1/query?query=${query}`, { signal });
  if (!answer.ok) throw new Error(`the query API answered ${answer.status}`);
  const { data } = (await answer.json()) as { data: { result: unknown[] } };
  if (data.result.length === 0) throw new Error("no target was read in the last two minutes");
  const groups = await fetch(`${endpoints["main.ui"]}/api/v1/rules?type=alert`, { signal });
  const { data: rules } = (await groups.json()) as {
    data: { groups: { rules: { name: string; health: string; lastError?: string }[] }[] };
  };
  const all = rules.groups.flatMap((group) => group.rules);
  const broken = all.filter(({ health }) => health === "err");
  if (broken.length > 0) {
    throw new Error(
      `rules that can't be evaluated: ${broken.map((r) => `${r.name} (${r.lastError})`).join(", ")}`,
    );
  }
  return `${all.length} alert rules`;
}

export const prometheus = defineService({
  name: "prometheus",
  summary: "Metrics of all services, and the alert rules.",
  version: "2.42",
  needs: {
    // An alert that nobody takes is sent again only after the resend delay, and up waits for the first one's
    // arrival.
    alertmanager: endpoint("alertmanager", "ui", { optional: true, wait: true }),
    prober: endpoint("blackbox-exporter", "probe", { optional: true }),
  },
  options: z.strictObject({
    retention: duration("How long metrics are kept.", "15d"),
    retentionSize: z
      .string()
      .regex(/^[1-9]\d*(MB|GB)$/, "a size such as 2GB")
      .default("2GB")
      .describe("Maximum size of metrics; the oldest are removed first.")
      .meta({ owner: "sizes" }),
    scrapeInterval: duration("How often targets that say nothing else are read.", "15s"),
    evaluationInterval: duration("How often rules are evaluated.", "5s"),
    thresholds: thresholds.prefault({}),
  }),
  parts: {
    main: {
      image: "services",
      command: ({ options, publicUrl }) => [
        "prometheus",
        "--config.file=/run/datalab/prometheus.json",
        "--storage.tsdb.path=/data/tsdb",
        `--storage.tsdb.retention.time=${options.retention}`,
        `--storage.tsdb.retention.size=${options.retentionSize}`,
        "--storage.tsdb.wal-compression",
        "--web.listen-address=0.0.0.0:9090",
        // Alerts tell people where they come from.
        t`--web.external-url=${publicUrl("main", "ui")}`,
        "--web.page-title=DataLab metrics",
        // An alert whose Prometheus was replaced ends after four of these.
        "--rules.alert.resend-delay=30s",
        "--query.timeout=20s",
        "--query.max-concurrency=8",
        "--query.max-samples=5000000",
        "--log.level=warn",
      ],
      env: () => ({ GOMEMLIMIT: "200MiB", GOGC: "40", GOMAXPROCS: "1", HOME: "/tmp" }),
      files: ({ platform, pipelines, stack, options, needs }) => {
        const files: Record<string, Text> = {
          "prometheus.json": json(
            prometheusConfig(platform, {
              stack,
              scrapeInterval: options.scrapeInterval,
              evaluationInterval: options.evaluationInterval,
              alertmanager: hostPort(needs.alertmanager),
              prober: hostPort(needs.prober),
            }),
          ),
          "rules.json": JSON.stringify(
            rulesFile({ stack, platform, pipelines, thresholds: options.thresholds }),
            undefined,
            1,
          ),
        };
        for (const scrape of platform.scrapes) {
          const secret = scrape.basic?.password ?? scrape.bearer;
          if (secret) files[credentialFile(scrape)] = secret;
        }
        return files;
      },
      endpoints: {
        ui: {
          port: 9090,
          protocol: "http",
          summary: "Prometheus: metrics, rules, targets",
          published: 9090,
          browser: true,
          auth: "gateway",
          path: "/-/ready",
        },
      },
      metrics: { main: { endpoint: "ui" } },
      probe: {
        command: curl("http://127.0.0.1:9090/-/ready"),
        within: "60s",
      },
      volumes: { data: { path: "/data", size: "5Gi" } },
      resources: { cpu: "100m", memory: "512Mi" },
      stopGrace: "15s",
    },
  },
  checks: {
    query: {
      summary: "Targets are read, and every rule can be evaluated.",
      every: "60s",
      run: freshSeries,
    },
  },
  alerts: () => alerts,
  backup: "none: a restored platform has no use for old metrics",
});
