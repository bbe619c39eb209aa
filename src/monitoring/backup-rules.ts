import { parseDuration } from "../model/units.ts";
import type { PlatformRule } from "./platform-rule.ts";
import type { Thresholds } from "./thresholds.ts";

/** Backups that are not made, where the configuration says how often they must be. */
export function backupRules({ backup }: Thresholds): PlatformRule[] {
  if (backup === undefined) return [];
  const maxAge = parseDuration(backup);
  // The core forgets it when it starts again; what Prometheus has kept counts.
  const kept = Math.max(2 * maxAge, 600);
  const last = `max by (service) (max_over_time(datalab_backup_verified_timestamp_seconds[${kept}s]))`;
  return [
    {
      name: "BackupLate",
      expr: `(time() - ${last}) > ${maxAge}`,
      for: "0s",
      severity: "critical",
      summary: "The last verified backup is {{ $value | humanizeDuration }} old.",
      description: "The job that makes backups does not run, or fails. See: backup list, backup create",
    },
    {
      name: "BackupMissing",
      service: "platform",
      expr: `absent(${last})`,
      for: "15m",
      severity: "critical",
      summary: "No verified backup of this stack is known.",
      description: "See: backup create",
    },
  ];
}
