import type { PipelineModel } from "../../model/platform.ts";
import type { AlertRule } from "../../model/service.ts";
import type { PlatformView } from "../../model/view.ts";
import { healthRules } from "./health-rules.ts";
import { lakeRules } from "./lake-rules.ts";
import { recordings } from "./recordings.ts";
import { resourceRules } from "./resource-rules.ts";
import type { Thresholds } from "./thresholds.ts";

/** An alert with the labels that its series lack. */
export interface PlatformRule extends AlertRule {
  /** Set when the series themselves name no service. */
  readonly service?: string;
}

export interface RulesInput {
  readonly platform: PlatformView;
  readonly pipelines: readonly PipelineModel[];
  readonly thresholds: Thresholds;
}

/** Always fires: that it goes on to arrive proves the way of every other alert. */
export const heartbeat = "Heartbeat";

/** Every alert of a stack: those that hold for any service, and those that services bring along. */
export function alertRules(input: RulesInput): readonly PlatformRule[] {
  return [
    {
      name: heartbeat,
      service: "platform",
      expr: "vector(1)",
      for: "0s",
      severity: "info",
      summary: "Alerts find their way: this one always fires.",
    },
    ...healthRules(input),
    ...resourceRules(input.thresholds),
    ...lakeRules(input.thresholds),
    ...input.platform.alerts,
  ];
}

/** Content of rules.json. */
export function rulesFile(input: RulesInput): unknown {
  return {
    groups: [
      { name: "recordings", rules: recordings(input) },
      ...groupByService(alertRules(input)).map(([name, rules]) => ({ name, rules: rules.map(ruleEntry) })),
    ],
  };
}

function groupByService(rules: readonly PlatformRule[]): [string, PlatformRule[]][] {
  const groups = new Map<string, PlatformRule[]>();
  for (const rule of rules) {
    const name = rule.service ?? "every-service";
    groups.set(name, [...(groups.get(name) ?? []), rule]);
  }
  return [...groups];
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
