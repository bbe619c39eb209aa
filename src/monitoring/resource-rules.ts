import { parseSize } from "../model/units.ts";
import type { PlatformRule } from "./platform-rule.ts";
import type { Thresholds } from "./thresholds.ts";

const percent = "{{ $value | humanizePercentage }}";

/** What runs short: processor, memory, disk; and what died of it. */
export function resourceRules({ cpu, memory, disk, restarts }: Thresholds): PlatformRule[] {
  const host = (rule: Omit<PlatformRule, "service">): PlatformRule => ({ ...rule, service: "host" });
  return [
    host({
      name: "HostCpuHigh",
      expr: `datalab:host_cpu:share5m > ${cpu}`,
      for: "10m",
      severity: "warning",
      summary: `The machine's processors are ${percent} busy.`,
    }),
    host({
      name: "HostMemoryHigh",
      expr: `datalab:host_memory:share > ${memory}`,
      for: "5m",
      severity: "warning",
      summary: `${percent} of the machine's memory is in use.`,
    }),
    host({
      name: "DiskUsageHigh",
      expr: `datalab:disk_used:share > ${disk.used}`,
      for: "15s",
      severity: "warning",
      summary: `${percent} of the data disk is in use.`,
      description: "Free space: images prune, shorter retention of metrics and logs, fewer table versions.",
    }),
    host({
      name: "DiskFull",
      expr: `(datalab:disk_used:share > ${disk.critical}) or (max(node_filesystem_avail_bytes{mountpoint="/"}) < ${parseSize(disk.free)})`,
      for: "15s",
      severity: "critical",
      summary: "The data disk is almost full: writes will fail.",
    }),
    host({
      name: "DiskFillsSoon",
      expr: `(predict_linear(datalab:disk_used:share[1h], 6 * 3600) > 1) and (datalab:disk_used:share > ${disk.used / 2})`,
      for: "30m",
      severity: "warning",
      summary: "At the current rate the data disk will be full within six hours.",
    }),
    {
      name: "VolumeFull",
      expr: `max by (service, volume) (datalab_volume_size_bytes) / on (service, volume) datalab:volume_declared_bytes > ${disk.critical}`,
      for: "0s",
      severity: "warning",
      summary: `The volume {{ $labels.volume }} uses ${percent} of its declared size.`,
      description: "Free space, or declare more: services.{{ $labels.service }}.storage",
    },
    {
      name: "ContainerMemoryHigh",
      expr: `max by (service, workload) (datalab:container_memory:share) > ${memory}`,
      for: "5m",
      severity: "warning",
      summary: `{{ $labels.workload }} uses ${percent} of its memory limit.`,
      description: "Raise it: services.{{ $labels.service }}.resources",
    },
    {
      name: "ContainerCpuHigh",
      expr: `max by (service, workload) (datalab:container_cpu:cores5m) / scalar(count(node_cpu_seconds_total{mode="idle"})) > ${cpu}`,
      for: "15m",
      severity: "warning",
      summary: `{{ $labels.workload }} uses ${percent} of the machine's processors.`,
    },
    {
      name: "ContainerRestarting",
      expr: `max by (service, workload) (increase(datalab_container_restarts_total[15m])) >= ${restarts}`,
      for: "0s",
      severity: "critical",
      summary: "{{ $labels.workload }} has restarted {{ $value | humanize }} times in 15 minutes.",
      description: "See: services logs {{ $labels.service }}",
    },
    {
      name: "ContainerOutOfMemory",
      expr: "max by (service, workload) (increase(datalab_container_oom_events_total[10m])) > 0",
      for: "0s",
      severity: "critical",
      summary: "A process of {{ $labels.workload }} was killed because its memory limit was reached.",
      description: "Raise it: services.{{ $labels.service }}.resources",
    },
  ];
}
