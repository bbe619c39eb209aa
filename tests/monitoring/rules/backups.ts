import type { RuleCase } from "./case.ts";

const last = 'datalab_backup_verified_timestamp_seconds{service="platform"}';
const labels = { severity: "critical", service: "platform" };

const late = {
  alert: "BackupLate",
  notYet: "5m",
  fires: "5m15s",
  ended: "10m15s",
  labels,
  summary: "The last verified backup is 1d 2h 0m 15s old.",
  description: "The job that makes backups does not run, or fails. See: backup list, backup create",
};

/** The stack wants one that is younger than 26 h, 93,600 s. */
export const backupCases: RuleCase[] = [
  {
    ...late,
    series: { [last]: "-93300x40 600x20" },
    quiet: [{ series: { [last]: "-93000x60" }, at: "10m" }],
  },
  {
    ...late,
    when: "though the core has started again",
    series: { [last]: "-93300x4 _x35 600x20" },
    quiet: [],
  },
  {
    alert: "BackupMissing",
    series: { [last]: "_x79 1200x20" },
    notYet: "14m45s",
    fires: "15m",
    ended: "20m15s",
    labels,
    summary: "No verified backup of this stack is known.",
    description: "See: backup create",
    quiet: [{ series: { [last]: "0x4 _x80" }, at: "20m" }],
  },
];
