/**
 * Every alert rule, as it is generated, run by promtool: not yet, now, over, and never just below the
 * threshold.
 */
import { beforeAll, describe, expect, test } from "vitest";
import { backupCases } from "./rules/backups.ts";
import type { RuleCase } from "./rules/case.ts";
import { healthCases } from "./rules/health.ts";
import { lakeCases } from "./rules/lake.ts";
import { resourceCases } from "./rules/resources.ts";
import { serviceCases } from "./rules/services.ts";
import { clusterModel, everyModel, rulesOf, withRulesOf } from "./support/generated.ts";
import { withTools } from "./support/tools.ts";

const model = everyModel();
const generated = withRulesOf(clusterModel(), rulesOf(model));
const rules = generated.filter(({ alert }) => alert !== undefined);
const checks = model.services.flatMap((s) => s.checks).length;
const cases: readonly RuleCase[] = [
  ...healthCases(checks),
  ...resourceCases,
  ...lakeCases,
  ...backupCases,
  ...serviceCases,
];

/** Prometheus has been running all the time. */
const running = { 'process_start_time_seconds{job="prometheus"}': "0x2000" };

/** Per alert: the rule as it is generated, behind the recordings. All of them at once would be slow. */
const ruleFiles = new Map(
  rules.map(({ alert }) => [
    `rules-${alert}.json`,
    JSON.stringify({
      groups: [{ name: "all", rules: generated.filter((rule) => rule.record || rule.alert === alert) }],
    }),
  ]),
);

interface Expected {
  readonly at: string;
  readonly alert: RuleCase | null;
}

/** One file of promtool: series, and at each time the alert with all its labels and texts, or none. */
function unitTest(
  name: string,
  series: Readonly<Record<string, string>>,
  expected: readonly Expected[],
): string {
  return JSON.stringify({
    rule_files: [`rules-${name}.json`],
    evaluation_interval: "15s",
    tests: [
      {
        interval: "15s",
        input_series: Object.entries({ ...running, ...series }).map(([s, values]) => ({ series: s, values })),
        alert_rule_test: expected.map(({ at, alert }) => ({
          eval_time: at,
          alertname: name,
          exp_alerts: alert
            ? [
                {
                  exp_labels: alert.labels,
                  exp_annotations: {
                    summary: alert.summary,
                    ...(alert.description && { description: alert.description }),
                  },
                },
              ]
            : [],
        })),
      },
    ],
  });
}

/** What promtool is asked, by the test's name. */
const asked = new Map<string, string>();
for (const each of cases) {
  const { alert, series, notYet, fires, ended, quiet } = each;
  const title = each.when ? `${alert} (${each.when})` : alert;
  const before = notYet === null ? [] : [{ at: notYet, alert: null }];
  asked.set(
    `${title} fires at ${fires}, with its labels and texts`,
    unitTest(alert, series, [...before, { at: fires, alert: each }]),
  );
  if (ended !== null)
    asked.set(`${title} has ended at ${ended}`, unitTest(alert, series, [{ at: ended, alert: null }]));
  for (const [i, { series: harmless, at }] of quiet.entries()) {
    asked.set(
      `${title} is quiet below its threshold (${i + 1})`,
      unitTest(alert, harmless, [{ at, alert: null }]),
    );
  }
}
const names = [...asked.keys()];

describe("every alert rule", () => {
  /** What promtool said of each file, in the same order. */
  let results: readonly string[] = [];

  beforeAll(() => {
    const files = Object.fromEntries(names.map((name, i) => [`case-${i}.json`, asked.get(name) as string]));
    const script = `promtool test rules ${names.map((_, i) => `case-${i}.json`).join(" ")} 2>&1`;
    const { output } = withTools({ ...Object.fromEntries(ruleFiles), ...files }, script);
    results = output.split(/^Unit Testing: +/m).slice(1);
    expect(results.length, output).toBe(names.length);
  }, 180_000);

  test.each(names.map((name, i) => [name, i] as const))("%s", (_name, i) => {
    expect(results[i]).toMatch(new RegExp(`^case-${i}\\.json\\n +SUCCESS\\n`));
  });

  test("has a case here, and no case is of a rule that is not there", () => {
    const there = new Set(rules.map(({ alert }) => alert));
    expect([...there].sort()).toEqual([...new Set(cases.map(({ alert }) => alert))].sort());
  });

  test("has a case that is quiet, and one that ends, unless it always fires", () => {
    for (const name of new Set(rules.map(({ alert }) => alert))) {
      const own = cases.filter(({ alert }) => alert === name);
      const always = own.some(({ notYet }) => notYet === null);
      expect([name, own.some(({ quiet }) => quiet.length > 0) || always]).toEqual([name, true]);
    }
  });

  test("says what it means: a severity, a service, a sentence", () => {
    for (const { alert, labels, annotations, expr } of rules) {
      expect(alert).toMatch(/^([A-Z][a-z]+)+$/);
      expect(labels?.severity).toMatch(/^(critical|warning|info)$/);
      expect(annotations?.summary).toMatch(/^.+\.$|\?$/);
      const ofSeries = /by \(service|datalab:workload_up|on \(service/.test(expr);
      expect([alert, labels?.service !== undefined || ofSeries]).toEqual([alert, true]);
    }
  });
});
