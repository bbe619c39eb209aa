import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { AlertLog } from "./alerts.ts";
import type { Check, CheckResult } from "./check.ts";
import { type Collector, exposition } from "./collector.ts";
import { type State, states } from "./health.ts";
import type { LastBackup } from "./last-backup.ts";

export interface Metrics {
  readonly contentType: string;
  text(): Promise<string>;
  record(check: Check, result: CheckResult): void;
  setState(service: string, state: State): void;
}

/**
 * What Prometheus scrapes. Every series exists from the start, so that an alert sees a check that never ran.
 */
export function createMetrics(
  checks: readonly Check[],
  collectors: readonly Collector[] = [],
  alerts?: AlertLog,
  backup?: LastBackup,
): Metrics {
  const register = new Registry();
  const registers = [register];
  const labelNames = ["service", "check"] as const;
  collectDefaultMetrics({ register });
  const ok = new Gauge({
    name: "datalab_check_ok",
    help: "1 when the functional check passed at its last run, else 0.",
    labelNames,
    registers,
  });
  const duration = new Histogram({
    name: "datalab_check_duration_seconds",
    help: "How long runs of the functional check took.",
    labelNames,
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers,
  });
  const runs = new Counter({
    name: "datalab_check_runs_total",
    help: "Runs of the functional check, by result.",
    labelNames: [...labelNames, "result"] as const,
    registers,
  });
  const lastPass = new Gauge({
    name: "datalab_check_last_pass_timestamp_seconds",
    help: "When the functional check passed last; 0: never since the core started.",
    labelNames,
    registers,
  });
  const lastRun = new Gauge({
    name: "datalab_check_last_run_timestamp_seconds",
    help: "When the functional check ran last; until its first run, when the core started.",
    labelNames,
    registers,
  });
  const interval = new Gauge({
    name: "datalab_check_interval_seconds",
    help: "How often the functional check runs.",
    labelNames,
    registers,
  });
  if (alerts) {
    new Gauge({
      name: "datalab_alerts_active",
      help: "Active alerts that the core knows.",
      labelNames: ["severity"] as const,
      registers,
      collect() {
        for (const severity of ["critical", "warning", "info"]) {
          this.set({ severity }, alerts.active.filter((alert) => alert.severity === severity).length);
        }
      },
    });
    new Gauge({
      name: "datalab_alert_heartbeat_timestamp_seconds",
      help: "When the alert that always fires arrived last; 0: not since the core started.",
      registers,
      collect() {
        this.set((alerts.heartbeat ?? 0) / 1000);
      },
    });
  }
  if (backup) {
    new Gauge({
      name: "datalab_backup_verified_timestamp_seconds",
      help: "Start time of the last verified backup; absent if none was reported since the core started.",
      // A label, so that there is no series before there is a value.
      labelNames: ["service"] as const,
      registers,
      collect() {
        if (backup.at !== null) this.set({ service: "platform" }, backup.at / 1000);
      },
    });
  }
  const serviceState = new Gauge({
    name: "datalab_service_state",
    help: "1 for the state the service is in, 0 for the others.",
    labelNames: ["service", "state"] as const,
    registers,
  });
  for (const { entry } of checks) {
    const labels = { service: entry.service, check: entry.name };
    ok.set(labels, 0);
    lastPass.set(labels, 0);
    lastRun.set(labels, Date.now() / 1000);
    interval.set(labels, entry.everySeconds);
    for (const result of ["ok", "starting", "failed"]) runs.inc({ ...labels, result }, 0);
  }
  return {
    contentType: register.contentType,
    text: async () => `${await register.metrics()}${exposition(collectors)}`,
    record(check, result) {
      const labels = { service: check.entry.service, check: check.entry.name };
      ok.set(labels, result.ok ? 1 : 0);
      duration.observe(labels, result.ms / 1000);
      lastRun.set(labels, Date.parse(result.at) / 1000);
      runs.inc({ ...labels, result: result.ok ? "ok" : result.starting ? "starting" : "failed" });
      if (result.ok) lastPass.set(labels, Date.parse(result.at) / 1000);
    },
    setState(service, state) {
      for (const each of states) serviceState.set({ service, state: each }, each === state ? 1 : 0);
    },
  };
}
