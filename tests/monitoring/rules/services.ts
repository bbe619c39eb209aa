import type { RuleCase } from "./case.ts";

/** Rules that services bring along. */
/** What the driver says of its executors. */
const executors = "metrics_connect_driver_ExecutorAllocationManager_executors_number";
const value = 'Executors_Value{job="spark-connect",type="gauges"}';

export const serviceCases: RuleCase[] = [
  {
    alert: "RulesFailing",
    series: { 'prometheus_rule_evaluation_failures_total{job="prometheus",rule_group="g"}': "0x20 1x60" },
    notYet: "6m",
    fires: "6m15s",
    ended: "10m30s",
    labels: { severity: "critical", service: "prometheus", job: "prometheus", rule_group: "g" },
    summary: "Prometheus can't evaluate all of its rules: alerts may be missing.",
    quiet: [{ series: { 'prometheus_rule_evaluation_failures_total{job="prometheus"}': "5x60" }, at: "10m" }],
  },
  {
    alert: "MetricsNotStored",
    series: {
      'prometheus_tsdb_wal_corruptions_total{job="prometheus"}': "0x100",
      'prometheus_tsdb_compactions_failed_total{job="prometheus"}': "0x20 1x80",
      'prometheus_tsdb_checkpoint_creations_failed_total{job="prometheus"}': "0x100",
    },
    notYet: "5m",
    fires: "5m15s",
    ended: "20m30s",
    labels: { severity: "critical", service: "prometheus", job: "prometheus" },
    summary: "Prometheus can't write its data: is the disk full?",
    quiet: [
      {
        series: {
          'prometheus_tsdb_wal_corruptions_total{job="prometheus"}': "1x60",
          'prometheus_tsdb_compactions_failed_total{job="prometheus"}': "1x60",
          'prometheus_tsdb_checkpoint_creations_failed_total{job="prometheus"}': "1x60",
        },
        at: "10m",
      },
    ],
  },
  {
    alert: "AlertsNotSent",
    series: {
      'prometheus_notifications_errors_total{job="prometheus",alertmanager="http://alertmanager:9093"}':
        "0x20 1x60",
      'prometheus_notifications_dropped_total{job="prometheus"}': "0x80",
    },
    notYet: "5m30s",
    fires: "5m45s",
    ended: "10m30s",
    labels: { severity: "critical", service: "prometheus" },
    summary: "Prometheus can't hand alerts to Alertmanager.",
    quiet: [
      {
        series: {
          'prometheus_notifications_errors_total{job="prometheus",alertmanager="a"}': "4x60",
          'prometheus_notifications_dropped_total{job="prometheus"}': "4x60",
        },
        at: "10m",
      },
    ],
  },
  {
    alert: "ScrapesTooLarge",
    series: { 'prometheus_tsdb_head_series{job="prometheus"}': "9000x20 200001x39 9000x20" },
    notYet: "10m",
    fires: "10m15s",
    ended: "15m15s",
    labels: { severity: "warning", service: "prometheus", job: "prometheus" },
    summary: "Prometheus has more series than it is sized for.",
    quiet: [{ series: { 'prometheus_tsdb_head_series{job="prometheus"}': "200000x60" }, at: "12m" }],
  },
  {
    alert: "NotificationsFailing",
    series: { 'alertmanager_notifications_failed_total{integration="slack",reason="other"}': "0x20 3x60" },
    notYet: "6m",
    fires: "6m15s",
    ended: "10m30s",
    labels: { severity: "critical", service: "alertmanager", integration: "slack" },
    summary: "Alertmanager can't deliver by slack.",
    description: "See: services logs alertmanager",
    // The core was away for a moment: it is told again.
    quiet: [
      {
        series: { 'alertmanager_notifications_failed_total{integration="slack"}': "0x20 2x60" },
        at: "6m30s",
      },
    ],
  },
  {
    alert: "DatabaseUnreachable",
    series: { 'pg_up{job="postgres-exporter"}': "1x20 0x19 1x20" },
    notYet: "5m30s",
    fires: "5m45s",
    ended: "10m15s",
    labels: { severity: "critical", service: "postgres-exporter", job: "postgres-exporter" },
    summary: "PostgreSQL does not answer queries.",
    quiet: [{ series: { 'pg_up{job="postgres-exporter"}': "1x60" }, at: "10m" }],
  },
  {
    alert: "DatabaseConnectionsHigh",
    series: {
      'pg_stat_activity_count{datname="prefect",state="idle"}': "40x20 80x19 40x20",
      'pg_stat_activity_count{datname="mlflow",state="idle"}': "10x80",
      pg_settings_max_connections: "100x80",
    },
    notYet: "7m",
    fires: "7m15s",
    ended: "10m15s",
    labels: { severity: "warning", service: "postgres-exporter" },
    summary: "90% of PostgreSQL's connections are in use.",
    description: "Raise services.postgres.options.maxConnections, or find their users: pg_stat_activity.",
    quiet: [
      {
        series: {
          'pg_stat_activity_count{datname="prefect",state="idle"}': "85x60",
          pg_settings_max_connections: "100x60",
        },
        at: "10m",
      },
    ],
  },
  {
    alert: "DatabaseDeadlocks",
    series: { 'pg_stat_database_deadlocks{datname="prefect"}': "0x20 4x100" },
    notYet: "5m",
    fires: "5m15s",
    ended: "20m30s",
    labels: { severity: "warning", service: "postgres-exporter", datname: "prefect" },
    summary: "4 deadlocks in the database prefect within 15 minutes.",
    quiet: [{ series: { 'pg_stat_database_deadlocks{datname="prefect"}': "0x20 3x100" }, at: "6m" }],
  },
  {
    alert: "LogsNotShipped",
    series: { 'datalab_agent_log_store_up{job="agent"}': "1x20 0x19 1x20" },
    notYet: "7m",
    fires: "7m15s",
    ended: "10m15s",
    labels: { severity: "warning", service: "agent", job: "agent" },
    summary:
      "Containers' logs do not reach the log store. The newest of each are kept where it runs meanwhile: 30 MB by Docker, one file of 10 MiB by most clusters.",
    quiet: [{ series: { 'datalab_agent_log_store_up{job="agent"}': "1x60" }, at: "10m" }],
  },
  {
    alert: "ContainersNotMeasured",
    series: { 'datalab_agent_usage_measured{job="agent"}': "1x20 0x39 1x20" },
    notYet: "10m",
    fires: "10m15s",
    ended: "15m15s",
    labels: { severity: "info", service: "agent", job: "agent" },
    summary: "CPU and memory usage of containers is unknown: the cluster has no metrics API.",
    description: "Install metrics-server in the cluster. Logs, restarts and states do not need it.",
    quiet: [{ series: { 'datalab_agent_usage_measured{job="agent"}': "1x60" }, at: "15m" }],
  },
  {
    alert: "SpawnerDoorRefuses",
    series: { 'datalab_agent_door_requests_total{result="refused"}': "0x20 1x80" },
    notYet: "5m",
    fires: "5m15s",
    ended: "15m30s",
    labels: { severity: "warning", service: "agent", result: "refused" },
    summary:
      "Somebody asked the agent's door to Docker for something that it does not do; its log says what.",
    quiet: [{ series: { 'datalab_agent_door_requests_total{result="done"}': "0x20 9x80" }, at: "6m" }],
  },
  {
    alert: "GatewayLoginsRefused",
    series: { 'datalab_gateway_logins_total{result="refused"}': "0x20 21x60" },
    notYet: "5m",
    fires: "5m15s",
    ended: "10m30s",
    labels: { severity: "warning", service: "gateway", result: "refused" },
    summary: "Many logins with wrong passwords are tried at the gateway.",
    description: "More than 20 logins were refused within 5 minutes.",
    quiet: [{ series: { 'datalab_gateway_logins_total{result="refused"}': "0x20 20x60" }, at: "5m15s" }],
  },
  {
    alert: "SingleSignOnFailing",
    series: { 'datalab_gateway_logins_total{result="failed"}': "0x20 3x60" },
    notYet: "5m",
    fires: "5m15s",
    ended: "10m30s",
    labels: { severity: "warning", service: "gateway", result: "failed" },
    summary: "Single sign-on fails: its provider does not answer, or refuses the platform.",
    description: "See: services logs gateway",
    quiet: [{ series: { 'datalab_gateway_logins_total{result="failed"}': "0x20 2x60" }, at: "5m15s" }],
  },
  {
    alert: "LogStoreReadOnly",
    series: { 'vl_storage_is_read_only{path="/data"}': "0x20 1x19 0x20" },
    notYet: "6m",
    fires: "6m15s",
    ended: "10m15s",
    labels: { severity: "critical", service: "logs" },
    summary: "The log store accepts no more lines: its disk is nearly full.",
    quiet: [{ series: { 'vl_storage_is_read_only{path="/data"}': "0x60" }, at: "10m" }],
  },
  {
    alert: "SparkWorkersMissing",
    series: { 'metrics_master_aliveWorkers_Value{job="spark"}': "1x20 0x19 1x20" },
    notYet: "6m",
    fires: "6m15s",
    ended: "10m15s",
    labels: { severity: "critical", service: "spark", job: "spark" },
    summary: "Fewer Spark workers than the 1 configured are alive.",
    description: "See: services logs spark-worker",
    quiet: [{ series: { 'metrics_master_aliveWorkers_Value{job="spark"}': "1x60" }, at: "10m" }],
  },
  {
    alert: "SparkExecutorsMissing",
    series: { [`${executors}Target${value}`]: "0x10 2x50", [`${executors}All${value}`]: "0x35 2x25" },
    notYet: "7m30s",
    fires: "7m45s",
    ended: "9m15s",
    labels: { severity: "warning", service: "spark", job: "spark-connect", type: "gauges" },
    summary: "Spark waits for executors that the cluster does not start: no capacity, a quota, or no image.",
    description: "See: services logs spark-connect, and the events of its pods",
    quiet: [
      { series: { [`${executors}Target${value}`]: "2x60", [`${executors}All${value}`]: "2x60" }, at: "14m" },
    ],
  },
];
