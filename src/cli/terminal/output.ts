import { styleText } from "node:util";
import type { ServiceState } from "../../ops/services/services.ts";

type Format = Parameters<typeof styleText>[0];

/** Data: the only thing that goes to standard output. */
export function print(text: string): void {
  process.stdout.write(text.endsWith("\n") || text === "" ? text : `${text}\n`);
}

/** Words for people: standard error. */
export function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

export function printJson(value: unknown): void {
  const text = JSON.stringify(value, undefined, process.stdout.isTTY ? 2 : undefined);
  // JSON escapes the control characters below the space alone; terminals obey these, too.
  print(text.replace(/[\u007f-\u009f]/g, (char) => `\\u${hex(char.charCodeAt(0), 4)}`));
}

/** Prints a value as JSON, or as the text that people read. */
export function show<T>(json: boolean, value: T, text: (value: T) => string): void {
  if (json) printJson(value);
  else print(text(value));
}

/** Colour on a terminal that wants it (NO_COLOR, FORCE_COLOR), plain text elsewhere. */
export const onStdout = (format: Format, text: string) => styleText(format, text, { stream: process.stdout });
export const onStderr = (format: Format, text: string) => styleText(format, text, { stream: process.stderr });

const stateFormats = {
  healthy: "green",
  starting: "cyan",
  degraded: "yellow",
  down: "red",
  stopped: "gray",
} as const;
export const stateText = (state: ServiceState): string => onStdout(stateFormats[state], state);

export type Cell = string | number | bigint | boolean | null | undefined;

/**
 * A table without lines: a head, rows, two spaces between columns, numbers to the right.
 * @param none what stands for a cell without a value. @default nothing
 */
export async function table(
  head: readonly string[],
  rows: readonly (readonly Cell[])[],
  { none: noValue = "" }: { readonly none?: string } = {},
): Promise<string> {
  const { default: Table } = await import("cli-table3");
  const isNumber = head.map((_, column) => {
    const cells = rows.map((row) => row[column]).filter((cell) => cell !== null && cell !== undefined);
    return cells.length > 0 && cells.every((cell) => typeof cell === "number" || typeof cell === "bigint");
  });
  const none = [
    "top",
    "top-mid",
    "top-left",
    "top-right",
    "bottom",
    "bottom-mid",
    "bottom-left",
    "bottom-right",
  ];
  const inner = ["left", "left-mid", "mid", "mid-mid", "right", "right-mid"];
  const lines = new Table({
    head: head.map((text) => onStdout("bold", printable(text))),
    chars: { ...Object.fromEntries([...none, ...inner].map((name) => [name, ""])), middle: "  " },
    style: { "padding-left": 0, "padding-right": 0, head: [], border: [] },
    colAligns: isNumber.map((right) => (right ? "right" : "left")),
  });
  lines.push(...rows.map((row) => row.map((cell) => cellText(cell, noValue))));
  return lines
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
}

/** Cells may come from data: escape sequences and line ends must not reach the terminal. */
function cellText(cell: Cell, noValue: string): string {
  if (cell === null || cell === undefined) return noValue;
  return typeof cell === "string" ? printable(cell) : String(cell);
}

const escapeChar = String.fromCharCode(27);
const colour = new RegExp(`(${escapeChar}\\[\\d{1,3}m)`);

/** The text with control characters shown instead of sent; colours stay. */
export const printable = (text: string): string => besideColours(text, inLine);

/** Lines of a log: tabs and colours stay as well. */
export const printableLines = (text: string): string => besideColours(text, inLog);

function besideColours(text: string, shown: (char: string) => string): string {
  return text
    .split(colour)
    .map((piece, i) => (i % 2 === 1 ? piece : piece.replace(control, shown)))
    .join("");
}

const inLog = (char: string): string => (char === "\n" || char === "\t" ? char : visible(char));
const inLine = (char: string): string => (char === "\n" ? "⏎" : char === "\t" ? " " : visible(char));

/** Characters that make a terminal do something, also turn the direction of a text. */
const control = /\p{Cc}|[\u202a-\u202e\u2066-\u2069]/gu;
const short: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

function visible(char: string): string {
  const code = char.charCodeAt(0);
  return short[char] ?? (code < 256 ? `\\x${hex(code, 2)}` : `\\u${hex(code, 4)}`);
}

const hex = (code: number, digits: number): string => code.toString(16).padStart(digits, "0");

/** A text that comes from data: nothing in it reaches the terminal as more than text, colours neither. */
export const escaped = (text: string): string => text.replace(control, visible);

/** As `escaped`, of several lines. */
export const escapedLines = (text: string): string =>
  text.replace(control, (char) => (char === "\n" ? char : char === "\t" ? " " : visible(char)));

/** How long ago a moment was, in the largest unit that fits. */
export function ago(iso: string, now = Date.now()): string {
  const seconds = Math.round((now - Date.parse(iso)) / 1000);
  return seconds < 0 ? `in ${duration(-seconds)}` : `${duration(seconds)} ago`;
}

export function duration(seconds: number): string {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  if (seconds < 2 * 86400) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} days`;
}
