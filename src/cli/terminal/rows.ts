/** Rows of a table of the lake as text: every value can be told from every other. */
import type { Row } from "../../ops/lake/lake.ts";
import { type Cell, escaped, onStdout, table } from "./output.ts";

/** Texts are cut here; what is cut is counted. */
const widest = 60;

export interface RowsText {
  readonly text: string;
  /** How many values are cut. */
  readonly cut: number;
}

export async function rowsText(rows: readonly Row[]): Promise<RowsText> {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  if (names.length === 0) return { text: "", cut: 0 };
  let cut = 0;
  const cells = rows.map((row) =>
    names.map((name) => {
      const cell = cellOf(row[name]);
      if (typeof cell !== "string" || cell.length <= widest) return cell;
      cut += 1;
      // Not in the middle of a character of two units.
      return `${cell.slice(0, widest - 1).replace(/[\uD800-\uDBFF]$/, "")}…`;
    }),
  );
  const text = await table(names.map(escaped), cells, { none: onStdout("dim", "∅") });
  return { text, cut };
}

function cellOf(value: unknown): Cell {
  if (value === undefined || value === null) return null;
  if (typeof value === "number" || typeof value === "boolean") return value;
  if (typeof value === "string") return escaped(value);
  const source = JSON.stringify(value);
  // An integer that JavaScript would round, kept as it is written.
  return /^-?\d+$/.test(source) ? BigInt(source) : escaped(source);
}
