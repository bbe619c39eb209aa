import { readFileSync } from "node:fs";
import { DatalabError } from "../../errors.ts";
import { type PlannedOp, type PlannedStep, type PropertyChange, plannedOps } from "../engine/plan-events.ts";
import { capacityLines } from "../release/capacity.ts";
import { violationText } from "./policy.ts";
import type { PreviewResult } from "./preview.ts";
import type { Risk, RiskLevel } from "./preview-risk.ts";

const done: Readonly<Record<PlannedOp, string>> = {
  create: "created",
  update: "updated",
  replace: "replaced",
  delete: "deleted",
};

/** `docker:index/container:Container` -> `Container`. */
export const kindOf = (type: string): string => type.split(":").at(-1) as string;

/** `1 created, 0 updated, ...`. */
function counts({ summary }: PreviewResult): string {
  const order: readonly PlannedOp[] = ["create", "update", "replace", "delete"];
  return order.map((op) => `${summary[op]} ${done[op]}`).join(", ");
}

const isChanged = ({ steps }: PreviewResult): boolean => steps.length > 0;
const upper = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1);

const riskTitles: Readonly<Record<RiskLevel, string>> = {
  "data-loss": "Data is lost",
  downtime: "Temporarily unavailable",
  kept: "Data that stays",
};

const allow = ({ level, name }: Risk): string => (level === "data-loss" ? `--allow-data-loss ${name}` : "");

/** What people read on a terminal. */
export function previewText(result: PreviewResult): string {
  if (!isChanged(result)) return ["No changes.", ...policyText(result)].join("\n");
  const width = Math.max(...result.steps.map(({ type }) => kindOf(type).length));
  return [
    `${counts(result)}, ${result.summary.same} unchanged`,
    ...riskGroups(result).flatMap(([level, risks]) => [
      "",
      `${riskTitles[level]}:`,
      ...risks.map((risk) => `  ${upper(risk.message)}.${allow(risk) && ` up needs ${allow(risk)}`}`),
    ]),
    ...capacityText(result),
    ...policyText(result),
    "",
    ...result.steps.map((s) =>
      `${s.op.padEnd(7)}  ${kindOf(s.type).padEnd(width)}  ${s.name}  ${s.properties.map(propertyText).join(", ")}`.trimEnd(),
    ),
  ].join("\n");
}

function capacityText({ capacity }: PreviewResult): string[] {
  const changed = capacityLines(capacity).filter(({ change }) => change !== "");
  const lines = changed.map(
    ({ what, before, after, change }) => `${upper(what)}: ${before} → ${after} (${change})`,
  );
  return lines.length === 0 ? [] : ["", ...lines];
}

function riskGroups({ risks }: PreviewResult): [RiskLevel, Risk[]][] {
  return (Object.keys(riskTitles) as RiskLevel[]).flatMap((level) => {
    const found = risks.filter((risk) => risk.level === level);
    return found.length === 0 ? [] : [[level, found] as [RiskLevel, Risk[]]];
  });
}

function policyText({ policy }: PreviewResult): string[] {
  return policy.violations.length === 0 ? [] : ["", ...policy.violations.map((v) => `✖ ${violationText(v)}`)];
}

function propertyText({ path, kind, from, to, replaces }: PropertyChange): string {
  const value =
    kind === "update" && (from !== null || to !== null)
      ? ` ${from ?? "?"} → ${to ?? "?"}`
      : kind === "add"
        ? ` +${to ?? ""}`
        : kind === "delete"
          ? ` −${from ?? ""}`
          : "";
  return `${path}${value}${replaces ? " (replaces)" : ""}`;
}

/** A preview as `--json` has printed it. */
export function readPreview(file: string): PreviewResult {
  try {
    const value = JSON.parse(readFileSync(file, "utf8")) as PreviewResult;
    if (Array.isArray(value.steps) && value.summary && value.capacity && value.policy) return value;
  } catch (error) {
    if (!(error instanceof SyntaxError) && (error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  throw new DatalabError("E_USAGE", `--from-json: expected the output of preview --json, received ${file}`);
}

/** The mark by which a comment is found again and updated. */
export const commentMark = (stack: string): string => `<!-- datalab preview ${stack} -->`;

/** A comment for a pull request: what matters first, the rest folded. */
export function previewMarkdown(result: PreviewResult): string {
  const { stack, summary, steps } = result;
  const lines = [commentMark(stack), `## Preview of \`${stack}\``, ""];
  if (!isChanged(result)) lines.push("**No changes.**", "");
  else lines.push(`**${counts(result)}**, ${summary.same} unchanged`, "");
  for (const [level, risks] of riskGroups(result)) {
    lines.push(`### ${level === "kept" ? "" : "⚠ "}${riskTitles[level]}`, "");
    for (const risk of risks) {
      const flag = allow(risk);
      lines.push(`- ${upper(cell(risk.message))}.${flag && ` \`up\` needs \`${flag}\`.`}`);
    }
    lines.push("");
  }
  lines.push("### Capacity", "", "| | before | after | change |", "| --- | ---: | ---: | ---: |");
  for (const { what, before, after, change } of capacityLines(result.capacity))
    lines.push(`| ${what} | ${before} | ${after} | ${change} |`);
  lines.push("", "### Policy", "", ...policyMarkdown(result), "");
  if (isChanged(result)) {
    lines.push(
      "<details>",
      `<summary>${steps.length === 1 ? "1 change" : `All ${steps.length} changes`}</summary>`,
      "",
    );
    for (const op of plannedOps) lines.push(...stepsMarkdown(op, steps));
    lines.push("</details>", "");
  }
  return lines.join("\n");
}

function policyMarkdown({ policy }: PreviewResult): string[] {
  if (policy.rules === null) return ["Not checked."];
  if (policy.violations.length === 0) return [`No violations of ${policy.rules} rules.`];
  return policy.violations.map(
    (v) => `- ✖ \`${v.resource ?? "the stack"}\`: ${cell(v.message)} (\`${v.policy}\`, ${v.level})`,
  );
}

function stepsMarkdown(op: PlannedOp, steps: readonly PlannedStep[]): string[] {
  const found = steps.filter((step) => step.op === op);
  if (found.length === 0) return [];
  return [
    `**${upper(done[op])}**`,
    "",
    "| kind | name | what changes |",
    "| --- | --- | --- |",
    ...found.map(
      (s) => `| ${kindOf(s.type)} | \`${s.name}\` | ${cell(s.properties.map(propertyText).join(", "))} |`,
    ),
    "",
  ];
}

/** Text from resources must not end a cell, or become markup. */
const cell = (text: string): string =>
  text.replaceAll("\n", " ").replaceAll("|", "\\|").replaceAll("<", "&lt;").replaceAll("@", "&#64;");
