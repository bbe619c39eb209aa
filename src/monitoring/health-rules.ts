import { parseDuration } from "../model/units.ts";
import type { PlatformRule, RulesInput } from "./platform-rule.ts";
import { probeJob } from "./scrape.ts";

/** Holds once everything had the time to start. */
const settled = "and on () (datalab:settled == 1)";

/** Whether services answer, their checks pass and report, and their targets can be read. */
export function healthRules({ platform, thresholds }: RulesInput): PlatformRule[] {
  const lasting = platform.workloads.filter(({ oneShot }) => !oneShot).map(({ name }) => name);
  return [
    {
      name: "ServiceDown",
      expr: `(datalab:workload_up == 0) ${settled}`,
      for: thresholds.serviceDown,
      severity: "critical",
      summary: "{{ $labels.workload }} does not answer.",
      description:
        "No endpoint of {{ $labels.workload }} has answered for {{ $labels.service }}. See: services logs {{ $labels.service }}",
    },
    {
      name: "ContainerStopped",
      expr: `(max by (service, workload) (datalab_container_running{workload=~"${lasting.join("|")}"}) == 0) ${settled}`,
      for: "30s",
      severity: "critical",
      summary: "The container of {{ $labels.workload }} does not run.",
      description: "See: services logs {{ $labels.service }}, services start {{ $labels.service }}",
    },
    {
      name: "ServiceUnhealthy",
      expr: `(max by (service) (datalab_service_state{state="down"}) == 1) ${settled}`,
      for: thresholds.checkFailing,
      severity: "critical",
      summary: "Every functional check of {{ $labels.service }} fails.",
    },
    {
      name: "CoreDown",
      service: "platform",
      expr: `absent(datalab_check_ok) ${settled}`,
      for: thresholds.serviceDown,
      severity: "critical",
      summary: "The platform core reports no checks: the health of services is unknown.",
    },
    {
      name: "CheckFailing",
      expr: `(max by (service, check) (datalab_check_ok) == 0) ${settled}`,
      for: thresholds.checkFailing,
      severity: "warning",
      summary: "The check {{ $labels.check }} of {{ $labels.service }} fails.",
      description: "See: services health {{ $labels.service }} --check",
    },
    {
      name: "CheckFlapping",
      expr: `max by (service, check) (changes(datalab_check_ok[15m])) >= ${thresholds.checkChanges}`,
      for: "0s",
      severity: "warning",
      summary:
        "The check {{ $labels.check }} of {{ $labels.service }} has changed {{ $value }} times in 15 minutes.",
    },
    {
      name: "CheckStale",
      expr: "max by (service, check) (time() - datalab_check_last_run_timestamp_seconds - 3 * datalab_check_interval_seconds) > 60",
      for: "0s",
      severity: "warning",
      summary: "The check {{ $labels.check }} of {{ $labels.service }} no longer reports.",
    },
    {
      name: "ChecksMissing",
      service: "platform",
      expr: `count(count by (service, check) (datalab_check_ok)) < ${platform.checks.length}`,
      for: "1m",
      severity: "warning",
      summary: `The core reports {{ $value }} of the ${platform.checks.length} checks that the platform declares.`,
    },
    {
      name: "TargetDown",
      expr: `max by (service, workload, job) (up{job!="${probeJob}"}) == 0 ${settled}`,
      for: "1m",
      severity: "warning",
      summary: "The metrics of {{ $labels.job }} can't be read.",
    },
    {
      name: "ReplicaMissing",
      expr: `(datalab:replicas_declared - on (service, workload, job) (count by (service, workload, job) (up == 1) or 0 * datalab:replicas_declared)) > 0`,
      for: "1m",
      severity: "warning",
      summary: "{{ $value }} of the replicas of {{ $labels.workload }} are missing.",
    },
    {
      name: "EndpointSlow",
      expr: `max by (service, workload, endpoint) (datalab:endpoint_latency_seconds:avg5m) > ${parseDuration(thresholds.latency)}`,
      for: "5m",
      severity: "warning",
      summary:
        "{{ $labels.workload }} takes {{ $value | humanizeDuration }} to answer at {{ $labels.endpoint }}.",
    },
  ];
}
