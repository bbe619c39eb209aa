import { curl } from "../model/curl.ts";
import { database } from "../model/needs.ts";
import { t } from "../model/refs.ts";
import { type AlertRule, defineService } from "../model/service.ts";

const alerts: readonly AlertRule[] = [
  {
    name: "DatabaseUnreachable",
    expr: "pg_up == 0",
    for: "30s",
    severity: "critical",
    summary: "PostgreSQL does not answer queries.",
  },
  {
    name: "DatabaseConnectionsHigh",
    expr: "sum(pg_stat_activity_count) / max(pg_settings_max_connections) > 0.85",
    for: "2m",
    severity: "warning",
    summary: "{{ $value | humanizePercentage }} of PostgreSQL's connections are in use.",
    description: "Raise services.postgres.options.maxConnections, or find their users: pg_stat_activity.",
  },
  {
    name: "DatabaseDeadlocks",
    expr: "sum by (datname) (increase(pg_stat_database_deadlocks[15m])) > 3",
    for: "0s",
    severity: "warning",
    summary: "{{ $value | humanize }} deadlocks in the database {{ $labels.datname }} within 15 minutes.",
  },
];

export const postgresExporter = defineService({
  name: "postgres-exporter",
  summary: "Metrics of PostgreSQL: connections, transactions, sizes, locks.",
  version: "0.11.1",
  needs: { db: database("postgres-exporter", { monitor: true }) },
  parts: {
    main: {
      image: "services",
      command: () => [
        "prometheus-postgres-exporter",
        "--web.listen-address=0.0.0.0:9187",
        "--log.level=error",
      ],
      env: ({ needs: { db } }) => ({
        DATA_SOURCE_URI: t`${db.host}:${db.port}/${db.name}?sslmode=${db.tls ? "require" : "disable"}&connect_timeout=3`,
        DATA_SOURCE_USER: db.user,
        DATA_SOURCE_PASS: t`${db.password}`,
        GOMEMLIMIT: "20MiB",
        GOMAXPROCS: "1",
        HOME: "/tmp",
      }),
      endpoints: { metrics: { port: 9187, protocol: "http", summary: "metrics of PostgreSQL" } },
      metrics: { main: { endpoint: "metrics", every: "30s" } },
      probe: {
        command: curl("http://127.0.0.1:9187/", { discard: true }),
        within: "20s",
      },
      resources: { cpu: "25m", memory: "64Mi" },
      tmp: "16Mi",
    },
  },
  checks: {
    "reads-statistics": {
      summary: "It can log in, and sees the statistics of every database.",
      every: "60s",
      run: async ({ endpoints, signal }) => {
        const answer = await fetch(`${endpoints["main.metrics"]}/metrics`, { signal });
        const text = await answer.text();
        if (!/^pg_up 1$/m.test(text)) throw new Error("it can't query PostgreSQL");
        if (!text.includes("\npg_database_size_bytes{"))
          throw new Error("it may not read the databases' sizes");
        return undefined;
      },
    },
  },
  alerts: () => alerts,
  backup: "none: it holds no state",
});
