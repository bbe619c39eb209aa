import type { RuleCase } from "./case.ts";

const worker = 'service="prefect",workload="prefect-worker",container="a"';
const ofWorker = { service: "prefect", workload: "prefect-worker" };
const host = (severity: string) => ({ severity, service: "host" });
const idle = (cpu: number) => `node_cpu_seconds_total{mode="idle",cpu="${cpu}"}`;
const available = 'node_filesystem_avail_bytes{mountpoint="/",device="overlay"}';
const size = 'node_filesystem_size_bytes{mountpoint="/",device="overlay"}';
const volume = 'datalab_volume_size_bytes{service="postgres",volume="datalab-dev-postgres-data",role="data"}';
const roomier = "Raise it: services.prefect.resources";

export const resourceCases: RuleCase[] = [
  {
    alert: "HostCpuHigh",
    series: { [idle(0)]: "0+0.75x50 52.5+15x60" },
    notYet: "10m",
    fires: "10m15s",
    ended: "14m",
    labels: host("warning"),
    summary: "The machine's processors are 95% busy.",
    quiet: [{ series: { [idle(0)]: "0+1.65x80" }, at: "15m" }],
  },
  {
    alert: "HostMemoryHigh",
    series: { node_memory_MemAvailable_bytes: "5x40 50x40", node_memory_MemTotal_bytes: "100x80" },
    notYet: "4m45s",
    fires: "5m",
    ended: "10m15s",
    labels: host("warning"),
    summary: "95% of the machine's memory is in use.",
    quiet: [
      {
        series: { node_memory_MemAvailable_bytes: "11x60", node_memory_MemTotal_bytes: "100x60" },
        at: "10m",
      },
    ],
  },
  {
    alert: "DiskUsageHigh",
    series: { [available]: "20x20 10x19 20x40", [size]: "100x80" },
    notYet: "5m15s",
    fires: "5m30s",
    ended: "10m15s",
    labels: host("warning"),
    summary: "90% of the data disk is in use.",
    description: "Free space: images prune, shorter retention of metrics and logs, fewer table versions.",
    quiet: [{ series: { [available]: "16x60", [size]: "100x60" }, at: "10m" }],
  },
  {
    alert: "DiskFull",
    when: "the share is high",
    series: { [available]: "200000000000x20 40000000000x19 200000000000x40", [size]: "1000000000000x80" },
    notYet: "5m15s",
    fires: "5m30s",
    ended: "10m15s",
    labels: host("critical"),
    summary: "The data disk is almost full: writes will fail.",
    quiet: [{ series: { [available]: "60000000000x60", [size]: "1000000000000x60" }, at: "10m" }],
  },
  {
    alert: "DiskFull",
    when: "few bytes are free",
    series: { [available]: "5000000000x20 2000000000x19 5000000000x40", [size]: "10000000000x80" },
    notYet: "5m15s",
    fires: "5m30s",
    ended: "10m15s",
    labels: host("critical"),
    summary: "The data disk is almost full: writes will fail.",
    quiet: [{ series: { [available]: "2200000000x60", [size]: "10000000000x60" }, at: "10m" }],
  },
  {
    alert: "DiskFillsSoon",
    series: { [available]: "50-0.05x124 43.8x400", [size]: "100x524" },
    notYet: "30m",
    fires: "30m15s",
    ended: "1h40m",
    labels: host("warning"),
    summary: "At the current rate the data disk will be full within six hours.",
    quiet: [
      { series: { [available]: "70-0.05x200", [size]: "100x200" }, at: "35m" },
      { series: { [available]: "50-0.01x200", [size]: "100x200" }, at: "40m" },
    ],
  },
  {
    alert: "VolumeFull",
    series: { [volume]: "1000000000x20 10500000000x19 1000000000x20" },
    notYet: "5m",
    fires: "5m15s",
    ended: "10m15s",
    labels: { severity: "warning", service: "postgres", volume: "datalab-dev-postgres-data" },
    summary: "The volume datalab-dev-postgres-data holds 97.79% of what it is declared for.",
    description: "Free space, or declare more: services.postgres.storage",
    quiet: [{ series: { [volume]: "10000000000x60" }, at: "10m" }],
  },
  {
    alert: "ContainerMemoryHigh",
    series: {
      [`datalab_container_memory_bytes{${worker}}`]: "50x20 95x39 50x20",
      [`datalab_container_memory_limit_bytes{${worker}}`]: "100x100",
    },
    notYet: "10m",
    fires: "10m15s",
    ended: "15m15s",
    labels: { severity: "warning", ...ofWorker },
    summary: "prefect-worker uses 95% of its memory limit.",
    description: roomier,
    quiet: [
      {
        series: {
          [`datalab_container_memory_bytes{${worker}}`]: "90x60",
          [`datalab_container_memory_limit_bytes{${worker}}`]: "100x60",
        },
        at: "10m",
      },
    ],
  },
  {
    alert: "ContainerCpuHigh",
    series: {
      [`datalab_container_cpu_seconds_total{${worker}}`]: "0+28.5x90 2565x60",
      [idle(0)]: "0x150",
      [idle(1)]: "0x150",
    },
    // The mean needs five minutes to get there.
    notYet: "19m30s",
    fires: "19m45s",
    ended: "25m",
    labels: { severity: "warning", ...ofWorker },
    summary: "prefect-worker uses 95% of the machine's processors.",
    quiet: [
      {
        series: {
          [`datalab_container_cpu_seconds_total{${worker}}`]: "0+26.7x100",
          [idle(0)]: "0x100",
          [idle(1)]: "0x100",
        },
        at: "20m",
      },
    ],
  },
  {
    alert: "ContainerRestarting",
    series: { [`datalab_container_restarts_total{${worker}}`]: "0x20 1 2 3x100" },
    notYet: "5m30s",
    fires: "5m45s",
    ended: "21m",
    labels: { severity: "critical", ...ofWorker },
    summary: "prefect-worker has started again 3 times in 15 minutes.",
    description: "See: services logs prefect",
    quiet: [{ series: { [`datalab_container_restarts_total{${worker}}`]: "0x20 1 2x60" }, at: "6m" }],
  },
  {
    alert: "ContainerOutOfMemory",
    series: { [`datalab_container_oom_events_total{${worker}}`]: "0x20 1x100" },
    notYet: "5m",
    fires: "5m15s",
    ended: "15m30s",
    labels: { severity: "critical", ...ofWorker },
    summary: "A process of prefect-worker was killed because its memory limit was reached.",
    description: roomier,
    quiet: [{ series: { [`datalab_container_oom_events_total{${worker}}`]: "1x60" }, at: "10m" }],
  },
];
