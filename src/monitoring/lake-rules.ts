import { parseDuration } from "../model/units.ts";
import type { PlatformRule } from "./platform-rule.ts";
import type { Thresholds } from "./thresholds.ts";

/** Pipelines that fail or are late, tables that go stale, and the measurements that say so. */
export function lakeRules({ pipelineFailures, lateness, freshness }: Thresholds): PlatformRule[] {
  return [
    {
      name: "PipelineFailed",
      expr: `max by (service, pipeline) (datalab_pipeline_consecutive_failures) >= ${pipelineFailures}`,
      for: "0s",
      severity: "critical",
      summary: "The last {{ $value }} run(s) of the pipeline {{ $labels.pipeline }} failed.",
      description: "It is resolved by the next successful run. See: pipelines runs {{ $labels.pipeline }}",
    },
    {
      name: "PipelineLate",
      expr: `max by (service, pipeline) (datalab_pipeline_lateness_seconds) > ${parseDuration(lateness)}`,
      for: "0s",
      severity: "warning",
      summary: "A run of {{ $labels.pipeline }} has waited {{ $value | humanizeDuration }} for its start.",
      description: "Check that a worker is online and has free slots. See: services health",
    },
    {
      name: "TableStale",
      // The same table may be promised by several pipelines: the strictest promise counts.
      expr: "(time() - max by (service, layer, table) (datalab_table_updated_timestamp_seconds)) > on (layer, table) group_left () min by (layer, table) (datalab:table_freshness_limit_seconds)",
      for: "0s",
      severity: "warning",
      summary:
        "{{ $labels.layer }}.{{ $labels.table }} was last written {{ $value | humanizeDuration }} ago.",
    },
    ...(freshness
      ? [
          {
            name: "TableOld",
            expr: `(time() - max by (service, layer, table) (datalab_table_updated_timestamp_seconds)) > ${parseDuration(freshness)}`,
            for: "0s",
            severity: "warning" as const,
            summary:
              "{{ $labels.layer }}.{{ $labels.table }} was last written {{ $value | humanizeDuration }} ago.",
          },
        ]
      : []),
    {
      name: "TableUnreadable",
      expr: "max by (service, layer, table) (datalab_table_unreadable) > 0",
      for: "2m",
      severity: "warning",
      summary: "{{ $labels.layer }}.{{ $labels.table }} can't be read: its Delta log is broken.",
      description:
        "Runs fail with this table's name and do all others. See: data show {{ $labels.layer }}.{{ $labels.table }}",
    },
    {
      name: "CollectorFailing",
      expr: "max by (service, collector) (datalab_collector_ok) == 0",
      for: "2m",
      severity: "warning",
      summary: "The measurement {{ $labels.collector }} of {{ $labels.service }} fails.",
      description: "Its last values are no longer shown. See the log of core.",
    },
    {
      name: "CollectorStale",
      expr: "max by (service, collector) (time() - datalab_collector_last_run_timestamp_seconds - 3 * datalab_collector_interval_seconds) > 60",
      for: "0s",
      severity: "warning",
      summary: "The measurement {{ $labels.collector }} of {{ $labels.service }} no longer reports.",
    },
  ];
}
