import { z } from "zod";
import { curl } from "../model/curl.ts";
import { endpoint } from "../model/needs.ts";
import { external, json, type Text, t } from "../model/refs.ts";
import { type AlertRule, type CheckContext, defineService } from "../model/service.ts";
import { alertmanagerConfig, externalSecretFile, logPasswordFile } from "../monitoring/alertmanager.ts";
import { alertRoutes, routePorts, routeSecrets } from "../monitoring/routes.ts";

const alerts: readonly AlertRule[] = [
  {
    name: "NotificationsFailing",
    expr: "sum by (integration) (increase(alertmanager_notifications_failed_total[5m])) >= 3",
    for: "1m",
    severity: "critical",
    summary: "Alertmanager can't deliver by {{ $labels.integration }}.",
    description: "See: services logs alertmanager",
  },
];

/** The alert that always fires must have come the whole way lately: from a rule to the log of alerts. */
async function heartbeatArrives({ needs, signal }: CheckContext): Promise<string> {
  const answer = await fetch(`${needs.log?.url}/alerts`, { signal });
  if (!answer.ok) throw new Error(`the alert log answered ${answer.status}`);
  const { heartbeat } = (await answer.json()) as { heartbeat: string | null };
  if (heartbeat === null) throw new Error("no alert has come from Prometheus through Alertmanager yet");
  const seconds = Math.round((Date.now() - Date.parse(heartbeat)) / 1000);
  if (seconds > 150) throw new Error(`the last heartbeat came ${seconds} s ago, one is expected every 30 s`);
  return `the last heartbeat came ${seconds} s ago`;
}

export const alertmanager = defineService({
  name: "alertmanager",
  summary: "Groups alerts and notifies people by webhook, e-mail and Slack.",
  version: "0.28.1",
  needs: { log: endpoint("core", "alerts") },
  options: z.strictObject({
    routes: alertRoutes
      .default([])
      .describe("Receivers of alerts, in addition to the platform's own log.")
      .meta({ owner: "people" }),
  }),
  parts: {
    main: {
      image: "services",
      command: ({ publicUrl }) => [
        "alertmanager",
        "--config.file=/run/datalab/alertmanager.json",
        "--storage.path=/data/alertmanager",
        "--data.retention=120h",
        "--web.listen-address=0.0.0.0:9093",
        // What is sent to people links to where they can open it.
        t`--web.external-url=${publicUrl("main", "ui")}`,
        "--cluster.listen-address=",
        "--log.level=warn",
      ],
      env: () => ({ GOMEMLIMIT: "48MiB", GOMAXPROCS: "1", HOME: "/tmp" }),
      files: ({ needs, options }) => {
        const files: Record<string, Text> = {
          "alertmanager.json": json(
            alertmanagerConfig({
              log: { url: t`${needs.log.url}/alerts`, user: needs.log.user },
              routes: options.routes,
            }),
          ),
        };
        if (needs.log.password) files[logPasswordFile] = needs.log.password;
        for (const name of routeSecrets(options.routes)) files[externalSecretFile(name)] = external(name);
        return files;
      },
      reaches: ({ options }) => routePorts(options.routes),
      endpoints: {
        ui: {
          port: 9093,
          protocol: "http",
          summary: "Alertmanager: active alerts, silences",
          published: 9093,
          browser: true,
          auth: "gateway",
          path: "/-/ready",
        },
      },
      metrics: { main: { endpoint: "ui" } },
      probe: {
        command: curl("http://127.0.0.1:9093/-/ready"),
        within: "30s",
      },
      volumes: { data: { path: "/data", size: "1Gi" } },
      resources: { cpu: "50m", memory: "128Mi" },
    },
  },
  checks: {
    ready: { summary: "Its API answers.", http: { part: "main", endpoint: "ui", path: "/-/ready" } },
    heartbeat: {
      summary: "The alert that always fires arrives in the alert log.",
      every: "60s",
      needs: { log: endpoint("core", "alerts") },
      run: heartbeatArrives,
    },
  },
  alerts: () => alerts,
  backup: "none: a restored platform has no use for silences and past notifications",
});
