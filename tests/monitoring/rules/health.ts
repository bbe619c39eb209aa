import type { RuleCase } from "./case.ts";

const worker = 'service="prefect",workload="prefect-worker"';
const query = 'service="postgres",check="query"';

/** Cases of rules about health. `checks`: how many checks the platform declares. */
export const healthCases = (checks: number): RuleCase[] => [
  {
    alert: "Heartbeat",
    series: {},
    notYet: null,
    fires: "15s",
    ended: null,
    labels: { severity: "info", service: "platform" },
    summary: "This alert always fires, to prove that alerts arrive.",
    quiet: [],
  },
  {
    alert: "ServiceDown",
    series: { [`probe_success{job="endpoints",${worker},endpoint="health"}`]: "1x20 0x19 1x20" },
    notYet: "5m15s",
    fires: "5m30s",
    ended: "10m15s",
    labels: { severity: "critical", service: "prefect", workload: "prefect-worker" },
    summary: "prefect-worker does not answer.",
    description: "No endpoint of prefect-worker has answered for prefect. See: services logs prefect",
    quiet: [
      {
        series: {
          [`probe_success{job="endpoints",${worker},endpoint="health"}`]: "0x60",
          [`probe_success{job="endpoints",${worker},endpoint="other"}`]: "1x60",
        },
        at: "10m",
      },
      // Everything is still starting.
      { series: { [`probe_success{job="endpoints",${worker},endpoint="health"}`]: "0x60" }, at: "1m30s" },
    ],
  },
  {
    alert: "ContainerStopped",
    series: { [`datalab_container_running{${worker},container="a"}`]: "1x20 0x19 1x20" },
    notYet: "5m30s",
    fires: "5m45s",
    ended: "10m15s",
    labels: { severity: "critical", service: "prefect", workload: "prefect-worker" },
    summary: "The container of prefect-worker does not run.",
    description: "See: services logs prefect, services start prefect",
    quiet: [
      {
        // What runs once has ended well.
        series: {
          'datalab_container_running{service="prefect",workload="prefect-register",container="b"}': "0x60",
        },
        at: "10m",
      },
    ],
  },
  {
    alert: "ServiceUnhealthy",
    series: { 'datalab_service_state{service="prefect",state="down"}': "0x20 1x19 0x20" },
    notYet: "6m",
    fires: "6m15s",
    ended: "10m15s",
    labels: { severity: "critical", service: "prefect" },
    summary: "Every functional check of prefect fails.",
    quiet: [{ series: { 'datalab_service_state{service="prefect",state="degraded"}': "1x60" }, at: "10m" }],
  },
  {
    alert: "CoreDown",
    series: { [`datalab_check_ok{${query}}`]: "1x20 stale _x18 1x20" },
    notYet: "5m15s",
    fires: "5m30s",
    ended: "10m15s",
    labels: { severity: "critical", service: "platform" },
    summary: "The platform core reports no checks: the health of services is unknown.",
    quiet: [{ series: { [`datalab_check_ok{${query}}`]: "0x60" }, at: "10m" }],
  },
  {
    alert: "CheckFailing",
    series: { [`datalab_check_ok{${query}}`]: "1x20 0x19 1x20" },
    notYet: "6m",
    fires: "6m15s",
    ended: "10m15s",
    labels: { severity: "warning", service: "postgres", check: "query" },
    summary: "The check query of postgres fails.",
    description: "See: services health postgres --check",
    quiet: [
      { series: { [`datalab_check_ok{${query}}`]: "1x60" }, at: "10m" },
      { series: { [`datalab_check_ok{${query}}`]: "0x60" }, at: "1m30s" },
    ],
  },
  {
    alert: "CheckFlapping",
    series: { [`datalab_check_ok{${query}}`]: "1x4 0 1 0 1 0 1x80" },
    notYet: "1m45s",
    fires: "2m",
    ended: "17m",
    labels: { severity: "warning", service: "postgres", check: "query" },
    summary: "The check query of postgres has changed 4 times in 15 minutes.",
    quiet: [{ series: { [`datalab_check_ok{${query}}`]: "1x4 0 1 0x60" }, at: "5m" }],
  },
  {
    alert: "CheckStale",
    series: {
      [`datalab_check_last_run_timestamp_seconds{${query}}`]: "0x20 315x40",
      [`datalab_check_interval_seconds{${query}}`]: "30x60",
    },
    notYet: "2m30s",
    fires: "2m45s",
    ended: "5m15s",
    labels: { severity: "warning", service: "postgres", check: "query" },
    summary: "The check query of postgres no longer reports.",
    quiet: [
      {
        series: {
          [`datalab_check_last_run_timestamp_seconds{${query}}`]: "0x60",
          [`datalab_check_interval_seconds{${query}}`]: "60x60",
        },
        at: "4m",
      },
    ],
  },
  {
    alert: "ChecksMissing",
    series: reported(checks, "1x20 stale _x18 1x20"),
    notYet: "6m",
    fires: "6m15s",
    ended: "10m15s",
    labels: { severity: "warning", service: "platform" },
    summary: `The core reports ${checks - 1} of the ${checks} checks that the platform declares.`,
    quiet: [{ series: reported(checks, "0x60"), at: "10m" }],
  },
  {
    alert: "TargetDown",
    series: {
      'up{job="postgres-exporter",service="postgres-exporter",workload="postgres-exporter",instance="a"}':
        "1x20 0x19 1x20",
    },
    notYet: "6m",
    fires: "6m15s",
    ended: "10m15s",
    labels: {
      severity: "warning",
      service: "postgres-exporter",
      workload: "postgres-exporter",
      job: "postgres-exporter",
    },
    summary: "The metrics of postgres-exporter can't be read.",
    quiet: [{ series: { [`up{job="endpoints",${worker},instance="a"}`]: "0x60" }, at: "10m" }],
  },
  {
    alert: "ReplicaMissing",
    series: { [twin("a")]: "1x60", [twin("b")]: "1x20 0x19 1x20" },
    notYet: "6m",
    fires: "6m15s",
    ended: "10m15s",
    labels: { severity: "warning", service: "twins", workload: "twins", job: "twins" },
    summary: "1 of the replicas of twins are missing.",
    quiet: [{ series: { [twin("a")]: "1x60", [twin("b")]: "1x60" }, at: "10m" }],
  },
  {
    alert: "ReplicaMissing",
    when: "none is left",
    series: { [twin("a")]: "1x20 stale _x18 1x20", [twin("b")]: "1x20 0x19 1x20" },
    notYet: "6m",
    fires: "6m15s",
    ended: "10m15s",
    labels: { severity: "warning", service: "twins", workload: "twins", job: "twins" },
    summary: "2 of the replicas of twins are missing.",
    quiet: [],
  },
  {
    alert: "EndpointSlow",
    series: { [`probe_duration_seconds{job="endpoints",${worker},endpoint="health"}`]: "3x40 0.1x60" },
    notYet: "4m45s",
    fires: "5m",
    ended: "12m",
    labels: { severity: "warning", service: "prefect", workload: "prefect-worker", endpoint: "health" },
    summary: "prefect-worker takes 3s to answer at health.",
    quiet: [
      {
        series: { [`probe_duration_seconds{job="endpoints",${worker},endpoint="health"}`]: "2x60" },
        at: "10m",
      },
    ],
  },
];

/** So many checks; the last one has these values, the others pass. */
function reported(checks: number, last: string): Record<string, string> {
  return Object.fromEntries(
    Array.from({ length: checks }, (_, i) => [
      `datalab_check_ok{service="s",check="c${i}"}`,
      i === checks - 1 ? last : "1x60",
    ]),
  );
}

function twin(instance: string): string {
  return `up{job="twins",service="twins",workload="twins",instance="${instance}"}`;
}
