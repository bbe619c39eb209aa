import { basicAuth } from "../model/basic-auth.ts";
import { curl } from "../model/curl.ts";
import { endpoint, secret } from "../model/needs.ts";
import { json, type Ref, t } from "../model/refs.ts";
import { defineService } from "../model/service.ts";
import { dashboards } from "../monitoring/dashboards.ts";
import { dataSource } from "../monitoring/panel.ts";

const version = "12.1.1";
const mounted = "/run/datalab";

/**
 * No state of its own: data source and dashboards come with the configuration, everything else is in memory.
 */
const settings = (url: Ref) => t`[paths]
data = /tmp/grafana
logs = /tmp/grafana/log
plugins = /tmp/grafana/plugins
provisioning = ${mounted}
[server]
http_port = 3000
root_url = ${url}
[security]
admin_user = admin
admin_password = $__file{${mounted}/password}
disable_gravatar = true
[users]
allow_sign_up = false
[auth.basic]
enabled = true
[analytics]
reporting_enabled = false
check_for_updates = false
check_for_plugin_updates = false
[plugins]
preinstall_disabled = true
[news]
news_feed_enabled = false
[log]
level = warn
`;

export const grafana = defineService({
  name: "grafana",
  summary: "Grafana, with a dashboard for every service; from its registry, off by default.",
  version,
  enabledByDefault: false,
  needs: {
    metrics: endpoint("prometheus", "ui"),
    admin: secret({ user: "admin", opens: "Grafana" }),
  },
  parts: {
    main: {
      image: `grafana/grafana:${version}`,
      command: () => [`--config=${mounted}/grafana.ini`],
      files: ({ needs, platform, publicUrl }) => ({
        "grafana.ini": settings(publicUrl("main", "ui")),
        password: needs.admin,
        "datasources/prometheus.yaml": json({
          apiVersion: 1,
          datasources: [
            {
              name: "Prometheus",
              ...dataSource,
              access: "proxy",
              url: needs.metrics.url,
              isDefault: true,
              editable: false,
            },
          ],
        }),
        "dashboards/datalab.yaml": JSON.stringify({
          apiVersion: 1,
          providers: [
            { name: "datalab", folder: "DataLab", type: "file", options: { path: `${mounted}/dashboards` } },
          ],
        }),
        ...Object.fromEntries(
          dashboards(platform).map((each) => [`dashboards/${each.uid}.json`, JSON.stringify(each)]),
        ),
      }),
      endpoints: {
        ui: {
          port: 3000,
          protocol: "http",
          summary: "Grafana",
          published: 3000,
          browser: true,
          auth: "gateway",
          login: "admin",
          path: "/api/health",
          cookies: ["grafana_*"],
          internal: ["/metrics"],
        },
      },
      metrics: { main: { endpoint: "ui", every: "30s" } },
      probe: {
        command: curl("http://127.0.0.1:3000/api/health"),
        within: "60s",
      },
      resources: { cpu: "100m", memory: "256Mi" },
      tmp: "256Mi",
    },
  },
  checks: {
    "data-source": {
      summary: "It can query Prometheus through its data source.",
      every: "60s",
      secrets: ["admin"],
      run: async ({ endpoints, secrets, signal }) => {
        const authorization = basicAuth({ user: "admin", password: secrets.admin as string });
        const url = `${endpoints["main.ui"]}/api/datasources/uid/${dataSource.uid}/health`;
        const answer = await fetch(url, { headers: { authorization }, signal });
        if (!answer.ok) throw new Error(`the data source's health answered ${answer.status}`);
        return undefined;
      },
    },
  },
  backup: "none: data source and dashboards are generated",
});
