import { backupRules } from "./backup-rules.ts";
import { healthRules } from "./health-rules.ts";
import { lakeRules } from "./lake-rules.ts";
import type { PlatformRule, RulesInput } from "./platform-rule.ts";
import { recordings } from "./recordings.ts";
import { resourceRules } from "./resource-rules.ts";

/** Always fires: that it goes on to arrive proves the way of every other alert. */
export const heartbeat = "Heartbeat";

/** Alerts that hold for any service; services bring further ones along. */
export function platformRules(input: RulesInput): readonly PlatformRule[] {
  return [
    {
      name: heartbeat,
      service: "platform",
      expr: "vector(1)",
      // Prometheus learns of Alertmanager 5 s after its start; what it sends before is lost until the resend
      // delay is over.
      for: "10s",
      severity: "info",
      summary: "This alert always fires, to prove that alerts arrive.",
    },
    ...healthRules(input),
    ...resourceRules(input.thresholds),
    ...lakeRules(input.thresholds),
    ...backupRules(input.thresholds),
  ];
}

/** Content of rules.json. */
export function rulesFile(input: RulesInput): unknown {
  const { alerts } = input.platform;
  const owners = [...new Set(alerts.map(({ service }) => service))];
  return {
    groups: [
      // In one group, because a group's rules are evaluated one after the other: no alert waits for its
      // recording.
      { name: "platform", rules: [...recordings(input), ...platformRules(input).map(ruleEntry)] },
      ...owners.map((owner) => ({
        name: owner,
        rules: alerts.filter(({ service }) => service === owner).map(ruleEntry),
      })),
    ],
  };
}

function ruleEntry(rule: PlatformRule): unknown {
  return {
    alert: rule.name,
    expr: rule.expr,
    ...(rule.for !== "0s" && { for: rule.for }),
    labels: { severity: rule.severity, ...(rule.service && { service: rule.service }) },
    annotations: {
      summary: rule.summary,
      ...(rule.description && { description: rule.description }),
    },
  };
}
