import type { DriftItem, DriftWhat } from "../target.ts";

/** `datalab drift --json`. */
export interface DriftReport {
  readonly stack: string;
  readonly drifted: boolean;
  readonly items: readonly DriftItem[];
}

const order: readonly DriftWhat[] = ["missing", "stopped", "changed", "unknown", "foreign"];

/** In one order, each thing once: what is said of it first stands. */
export function driftReport(stack: string, found: readonly DriftItem[]): DriftReport {
  const items = new Map<string, DriftItem>();
  for (const item of found) {
    const key = item.urn ?? `${item.kind} ${item.name}`;
    if (!items.has(key)) items.set(key, item);
  }
  const sorted = [...items.values()].sort(
    (a, b) =>
      order.indexOf(a.what) - order.indexOf(b.what) ||
      (`${a.kind} ${a.name}` < `${b.kind} ${b.name}` ? -1 : 1),
  );
  return { stack, drifted: sorted.length > 0, items: sorted };
}

export const repairTexts: Readonly<Record<DriftItem["repair"], string>> = {
  up: "up",
  replace: "created again",
  remove: "removed",
  people: "by hand",
};

export const driftMark = (stack: string): string => `<!-- datalab drift ${stack} -->`;

/** For an issue, or a comment. */
export function driftMarkdown({ stack, items }: DriftReport): string {
  const head = [driftMark(stack), `## Drift of \`${stack}\``, ""];
  if (items.length === 0) return [...head, "**None.** What runs is what was deployed.", ""].join("\n");
  const text = (value: string) =>
    value.replaceAll("|", "\\|").replaceAll("<", "&lt;").replaceAll("@", "&#64;").replaceAll("\n", " ");
  return [
    ...head,
    `**${items.length} ${items.length === 1 ? "finding" : "findings"}.** \`./datalab drift --stack ${stack} --repair\` repairs all findings that you need not repair by hand.`,
    "",
    "| what | kind | name | details | repair |",
    "| --- | --- | --- | --- | --- |",
    ...items.map(
      (i) =>
        `| ${i.what} | ${i.kind} | \`${text(i.name)}\` | ${text(i.details)} | ${repairTexts[i.repair]} |`,
    ),
    "",
  ].join("\n");
}
