import type { ServiceSummary } from "../model/platform.ts";
import type { PlatformView } from "../model/platform-view.ts";
import { type Dashboard, dashboard, type PanelSpec } from "./panel.ts";

/** Every dashboard of a stack: the platform, the host, pipelines and lake, and one for each service. */
export function dashboards(platform: PlatformView): Dashboard[] {
  return [overview(), host(), lake(), ...platform.services.map((service) => ofService(service, platform))];
}

function overview(): Dashboard {
  return dashboard("overview", "Platform", "Whether everything works, at a glance.", [
    {
      title: "Services that are healthy",
      type: "stat",
      width: 6,
      height: 4,
      queries: [{ expr: 'sum(datalab_service_state{state="healthy"})' }],
    },
    {
      title: "Services that are not",
      type: "stat",
      width: 6,
      height: 4,
      limits: [1, 2],
      queries: [{ expr: 'sum(datalab_service_state{state!="healthy"})' }],
    },
    {
      title: "Alerts",
      type: "stat",
      width: 6,
      height: 4,
      limits: [1, 3],
      queries: [{ expr: 'count(ALERTS{alertstate="firing",alertname!="Heartbeat"}) or vector(0)' }],
    },
    {
      title: "Data disk in use",
      type: "stat",
      unit: "percentunit",
      width: 6,
      height: 4,
      limits: [0.85, 0.95],
      queries: [{ expr: "datalab:disk_used:share" }],
    },
    {
      title: "Checks that pass",
      type: "state-timeline",
      width: 24,
      height: 12,
      queries: [{ expr: "max by (service, check) (datalab_check_ok)", legend: "{{service}}/{{check}}" }],
    },
    {
      title: "Time to answer",
      type: "timeseries",
      unit: "s",
      queries: [{ expr: "datalab:endpoint_latency_seconds:avg5m", legend: "{{workload}}.{{endpoint}}" }],
    },
    {
      title: "Memory of containers",
      type: "timeseries",
      unit: "bytes",
      queries: [{ expr: "max by (workload) (datalab_container_memory_bytes)", legend: "{{workload}}" }],
    },
  ]);
}

function host(): Dashboard {
  return dashboard("host", "Host", "The machine that the containers run on.", [
    {
      title: "Processors in use",
      type: "timeseries",
      unit: "percentunit",
      queries: [{ expr: "datalab:host_cpu:share5m", legend: "all" }],
    },
    {
      title: "Memory in use",
      type: "timeseries",
      unit: "percentunit",
      queries: [{ expr: "datalab:host_memory:share", legend: "all" }],
    },
    {
      title: "Data disk in use",
      type: "timeseries",
      unit: "percentunit",
      queries: [{ expr: "datalab:disk_used:share", legend: "used" }],
    },
    {
      title: "Load",
      type: "timeseries",
      queries: [
        { expr: "node_load1", legend: "1 min" },
        { expr: "node_load5", legend: "5 min" },
      ],
    },
    {
      title: "Volumes",
      type: "bargauge",
      unit: "bytes",
      queries: [{ expr: "max by (volume) (datalab_volume_size_bytes)", legend: "{{volume}}" }],
    },
    {
      title: "Processors by container",
      type: "timeseries",
      queries: [{ expr: "max by (workload) (datalab:container_cpu:cores5m)", legend: "{{workload}}" }],
    },
  ]);
}

function lake(): Dashboard {
  return dashboard("lake", "Pipelines and lake", "Runs of pipelines, and the tables they write.", [
    {
      title: "Runs of the last day",
      type: "table",
      width: 24,
      queries: [{ expr: "sum by (pipeline, state) (datalab_pipeline_runs_day)" }],
    },
    {
      title: "Failures in a row",
      type: "timeseries",
      limits: [1, 2],
      queries: [
        { expr: "max by (pipeline) (datalab_pipeline_consecutive_failures)", legend: "{{pipeline}}" },
      ],
    },
    {
      title: "How long the last run took",
      type: "timeseries",
      unit: "s",
      queries: [
        { expr: "max by (pipeline) (datalab_pipeline_last_duration_seconds)", legend: "{{pipeline}}" },
      ],
    },
    {
      title: "Lateness",
      type: "timeseries",
      unit: "s",
      queries: [{ expr: "max by (pipeline) (datalab_pipeline_lateness_seconds)", legend: "{{pipeline}}" }],
    },
    {
      title: "Age of tables",
      type: "bargauge",
      unit: "s",
      queries: [
        {
          expr: "time() - max by (layer, table) (datalab_table_updated_timestamp_seconds)",
          legend: "{{layer}}.{{table}}",
        },
      ],
    },
    {
      title: "Rows",
      type: "timeseries",
      queries: [{ expr: "max by (layer, table) (datalab_table_rows)", legend: "{{layer}}.{{table}}" }],
    },
    {
      title: "Bytes",
      type: "timeseries",
      unit: "bytes",
      queries: [{ expr: "max by (layer, table) (datalab_table_bytes)", legend: "{{layer}}.{{table}}" }],
    },
  ]);
}

/** What holds for any service, filled in for one. */
function ofService({ name, summary, checks }: ServiceSummary, platform: PlatformView): Dashboard {
  const of = `service="${name}"`;
  const scraped = platform.scrapes.some(({ service }) => service === name);
  const panels: PanelSpec[] = [
    ...(checks.length > 0
      ? ([
          {
            title: "Checks that pass",
            type: "state-timeline",
            queries: [{ expr: `max by (check) (datalab_check_ok{${of}})`, legend: "{{check}}" }],
          },
          {
            title: "How long checks take",
            type: "timeseries",
            unit: "s",
            queries: [
              {
                expr: `sum by (check) (rate(datalab_check_duration_seconds_sum{${of}}[5m])) / sum by (check) (rate(datalab_check_duration_seconds_count{${of}}[5m]))`,
                legend: "{{check}}",
              },
            ],
          },
        ] satisfies PanelSpec[])
      : []),
    {
      title: "Time to answer",
      type: "timeseries",
      unit: "s",
      queries: [
        { expr: `datalab:endpoint_latency_seconds:avg5m{${of}}`, legend: "{{workload}}.{{endpoint}}" },
      ],
    },
    {
      title: "Memory",
      type: "timeseries",
      unit: "bytes",
      queries: [
        { expr: `max by (workload) (datalab_container_memory_bytes{${of}})`, legend: "{{workload}}" },
        {
          expr: `max by (workload) (datalab_container_memory_limit_bytes{${of}})`,
          legend: "{{workload}} limit",
        },
      ],
    },
    {
      title: "Processors",
      type: "timeseries",
      queries: [{ expr: `max by (workload) (datalab:container_cpu:cores5m{${of}})`, legend: "{{workload}}" }],
    },
    {
      title: "Restarts",
      type: "timeseries",
      queries: [
        { expr: `max by (workload) (datalab_container_restarts_total{${of}})`, legend: "{{workload}}" },
      ],
    },
    ...(scraped
      ? ([
          {
            title: "Metrics can be read",
            type: "state-timeline",
            queries: [{ expr: `max by (job) (up{${of}})`, legend: "{{job}}" }],
          },
        ] satisfies PanelSpec[])
      : []),
  ];
  return dashboard(`service-${name}`, `Service: ${name}`, summary, panels);
}
