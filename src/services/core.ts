import { curl } from "../model/curl.ts";
import { secret } from "../model/needs.ts";
import { json, template } from "../model/refs.ts";
import { defineService } from "../model/service.ts";
import { version } from "../version.ts";

/** The platform core: the service registry, and the functional checks of every service. */
export const core = defineService({
  name: "core",
  summary: "Service registry and functional checks of the platform.",
  version,
  needs: { alerts: secret({ user: "alertmanager", opens: "the log of alerts, for Alertmanager" }) },
  provides: { health: { part: "main", endpoint: "api" } },
  parts: {
    main: {
      image: "core",
      command: () => ["node", "/opt/core/core.mjs"],
      // Elsewhere it is opened by the names of this machine alone.
      env: ({ cluster, publicUrl }) =>
        cluster ? { DATALAB_CORE_HOSTS: template(publicUrl("main", "api", "host")) } : {},
      files: ({ platform, stack, target, needs }) => ({
        "registry.json": json({ stack, target, services: platform.services }),
        "checks.json": json({
          stack,
          checks: platform.checks,
          collectors: platform.collectors,
          alerts: { user: "alertmanager", password: needs.alerts },
        }),
      }),
      endpoints: {
        api: {
          port: 7070,
          protocol: "http",
          summary: "the registry and health API",
          published: 7070,
          path: "/health",
        },
        // The same port, with the login of who posts alerts.
        alerts: {
          port: 7070,
          protocol: "http",
          summary: "the log of alerts",
          login: "alerts",
          auth: "own",
          path: "/livez",
        },
      },
      metrics: { main: { endpoint: "api" } },
      tools: { backups: { command: ["node", "/opt/core/core.mjs", "backup"] } },
      probe: {
        command: curl("http://127.0.0.1:7070/livez"),
        within: "20s",
      },
      resources: { cpu: "100m", memory: "256Mi" },
    },
  },
  checks: {
    alive: { summary: "Its HTTP API answers.", http: { part: "main", endpoint: "api", path: "/livez" } },
  },
  backup: "none: it holds no state beyond the history of checks in memory",
});
