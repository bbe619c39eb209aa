import { volumeName } from "../model/names.ts";
import { parseDuration } from "../model/units.ts";
import type { RulesInput } from "./platform-rule.ts";
import { probeJob } from "./scrape.ts";

export interface Recording {
  readonly record: string;
  readonly expr: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** Series that alerts and dashboards share, and what the model promises as series. */
export function recordings({ stack, platform, pipelines, thresholds }: RulesInput): Recording[] {
  const limits = pipelines.flatMap((pipeline) =>
    Object.entries(pipeline.freshness).map(([table, limit]) => ({ pipeline: pipeline.name, table, limit })),
  );
  return [
    {
      // Everything starts at once: until then "does not answer" means "not yet".
      record: "datalab:settled",
      expr: `(time() - max(process_start_time_seconds{job="prometheus"})) > bool ${parseDuration(thresholds.startup)}`,
    },
    { record: "datalab:workload_up", expr: `max by (service, workload) (probe_success{job="${probeJob}"})` },
    {
      record: "datalab:endpoint_latency_seconds:avg5m",
      expr: `avg_over_time(probe_duration_seconds{job="${probeJob}"}[5m])`,
    },
    {
      record: "datalab:host_cpu:share5m",
      expr: '1 - avg(rate(node_cpu_seconds_total{mode="idle"}[5m]))',
    },
    {
      record: "datalab:host_memory:share",
      expr: "1 - max(node_memory_MemAvailable_bytes) / max(node_memory_MemTotal_bytes)",
    },
    {
      record: "datalab:disk_used:share",
      expr: 'max(1 - node_filesystem_avail_bytes{mountpoint="/"} / node_filesystem_size_bytes{mountpoint="/"})',
    },
    {
      record: "datalab:container_memory:share",
      expr: "datalab_container_memory_bytes / (datalab_container_memory_limit_bytes > 0)",
    },
    {
      record: "datalab:container_cpu:cores5m",
      expr: "rate(datalab_container_cpu_seconds_total[5m])",
    },
    ...platform.scrapes
      .filter(({ replicas }) => replicas > 1)
      .map(({ service, workload, job, replicas }) => ({
        record: "datalab:replicas_declared",
        expr: `vector(${replicas})`,
        labels: { service, workload, job },
      })),
    ...platform.workloads.flatMap(({ service, name: workload, volumes }) =>
      volumes.map(({ name, sizeBytes }) => ({
        record: "datalab:volume_declared_bytes",
        expr: `vector(${sizeBytes})`,
        labels: { service, volume: volumeName(stack, workload, name) },
      })),
    ),
    ...limits.map(({ pipeline, table, limit }) => ({
      record: "datalab:table_freshness_limit_seconds",
      expr: `vector(${limit})`,
      labels: { pipeline, ...tableLabels(table) },
    })),
  ];
}

/** `silver.flights` as the labels of its series. */
export function tableLabels(name: string): { layer: string; table: string } {
  const [layer = "", ...rest] = name.split(".");
  return { layer, table: rest.join(".") };
}
