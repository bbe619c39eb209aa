import type { RuleCase } from "./case.ts";

const hello = 'service="prefect",pipeline="hello"';
const flights = 'service="prefect",layer="silver",table="flights"';
const tables = 'service="prefect",collector="tables"';
const ofHello = { service: "prefect", pipeline: "hello" };
const ofFlights = { severity: "warning", service: "prefect", layer: "silver", table: "flights" };
const ofTables = { severity: "warning", service: "prefect", collector: "tables" };

export const lakeCases: RuleCase[] = [
  {
    alert: "PipelineFailed",
    series: { [`datalab_pipeline_consecutive_failures{${hello}}`]: "0x20 1x19 0x20" },
    notYet: "5m",
    fires: "5m15s",
    ended: "10m15s",
    labels: { severity: "critical", ...ofHello },
    summary: "The last 1 run(s) of the pipeline hello failed.",
    description: "It is resolved by the next successful run. See: pipelines runs hello",
    quiet: [{ series: { [`datalab_pipeline_consecutive_failures{${hello}}`]: "0x60" }, at: "10m" }],
  },
  {
    alert: "PipelineLate",
    series: { [`datalab_pipeline_lateness_seconds{${hello}}`]: "0x20 301x19 0x20" },
    notYet: "5m",
    fires: "5m15s",
    ended: "10m15s",
    labels: { severity: "warning", ...ofHello },
    summary: "A run of hello has waited 5m 1s for its start.",
    description: "Check that a worker is online and has free slots. See: services health",
    quiet: [{ series: { [`datalab_pipeline_lateness_seconds{${hello}}`]: "300x60" }, at: "10m" }],
  },
  {
    alert: "TableStale",
    series: { [`datalab_table_updated_timestamp_seconds{${flights}}`]: "0x242 3630x20" },
    notYet: "1h",
    fires: "1h15s",
    ended: "1h45s",
    labels: ofFlights,
    summary: "silver.flights was last written 1h 0m 15s ago.",
    quiet: [
      {
        // Nobody has promised anything of this one.
        series: {
          'datalab_table_updated_timestamp_seconds{service="prefect",layer="gold",table="flights"}': "0x260",
        },
        at: "1h5m",
      },
    ],
  },
  {
    alert: "TableOld",
    series: { [`datalab_table_updated_timestamp_seconds{${flights}}`]: "-172500x40 615x20" },
    notYet: "5m",
    fires: "5m15s",
    ended: "10m15s",
    labels: ofFlights,
    summary: "silver.flights was last written 2d 0h 0m 15s ago.",
    quiet: [{ series: { [`datalab_table_updated_timestamp_seconds{${flights}}`]: "-172200x60" }, at: "10m" }],
  },
  {
    alert: "TableUnreadable",
    series: { [`datalab_table_unreadable{${flights}}`]: "_x21 1x19 stale" },
    notYet: "7m",
    fires: "7m15s",
    ended: "10m15s",
    labels: ofFlights,
    summary: "silver.flights can't be read: its Delta log is broken.",
    description: "Runs fail with this table's name and do all others. See: data show silver.flights",
    quiet: [{ series: { [`datalab_table_updated_timestamp_seconds{${flights}}`]: "0x60" }, at: "10m" }],
  },
  {
    alert: "CollectorFailing",
    series: { [`datalab_collector_ok{${tables}}`]: "1x20 0x19 1x20" },
    notYet: "7m",
    fires: "7m15s",
    ended: "10m15s",
    labels: ofTables,
    summary: "The measurement tables of prefect fails.",
    description: "Its last values are no longer shown. See the log of core.",
    quiet: [{ series: { [`datalab_collector_ok{${tables}}`]: "1x60" }, at: "10m" }],
  },
  {
    alert: "CollectorStale",
    series: {
      [`datalab_collector_last_run_timestamp_seconds{${tables}}`]: "0x20 315x40",
      [`datalab_collector_interval_seconds{${tables}}`]: "30x60",
    },
    notYet: "2m30s",
    fires: "2m45s",
    ended: "5m15s",
    labels: ofTables,
    summary: "The measurement tables of prefect no longer reports.",
    quiet: [
      {
        series: {
          [`datalab_collector_last_run_timestamp_seconds{${tables}}`]: "0x60",
          [`datalab_collector_interval_seconds{${tables}}`]: "60x60",
        },
        at: "4m",
      },
    ],
  },
];
