/**
 * Finds and wraps comments and Markdown prose that are wider than the limit. Lines in, lines out: no files
 * here.
 */

export const limit = 110;

export type Kind = "markdown" | "slash" | "hash";

/** Width in characters, not in UTF-16 units. */
const width = (line: string): number => [...line].length;

/** Words that a line may break between; code spans stay in one piece unless nothing else fits. */
function words(text: string): string[] {
  const pieces = text.match(/(?:`[^`]*`|\S)+/g) ?? [];
  return pieces.flatMap((piece) => (width(piece) > limit / 2 ? piece.split(/\s+/) : [piece]));
}

/** A word that would become Markdown's markup at the start of a line. */
const markup = /^(?:[-+*>]|#{1,6}|\d+[.)])$/;

/** Fills lines with a text: the first one begins with `first`, the others with `next`. */
export function fill(text: string, first: string, next: string): string[] {
  const lines: string[] = [];
  let line = first;
  let isEmpty = true;
  for (const word of words(text)) {
    if (isEmpty) line += word;
    else if (width(line) + 1 + width(word) <= limit || markup.test(word)) line += ` ${word}`;
    else {
      lines.push(line);
      line = next + word;
    }
    isEmpty = false;
  }
  return [...lines, line.trimEnd()];
}

/** Whether a line could be shorter: it is too wide and has a place to break. */
const isWide = (line: string, prefix: string): boolean =>
  width(line) > limit && !/https?:\/\//.test(line) && fill(line.slice(prefix.length), prefix, prefix).length > 1;

/** Comments that tools read, which must stay on their line. */
const directive =
  /^(?:biome-ignore|shellcheck |eslint|@ts-|noqa|type: ignore|ruff:|go:|nolint|syntax=|\s*https?:)|^!/;

export interface Finding {
  /** From 1. */
  readonly line: number;
  readonly width: number;
}

interface Block {
  readonly from: number;
  readonly to: number;
  readonly lines: readonly string[];
}

/** Every line that is too wide, and the text with all of them wrapped that can be. */
export function wrap(text: string, kind: Kind): { findings: Finding[]; wrapped: string } {
  const lines = text.split("\n");
  const blocks = kind === "markdown" ? markdownBlocks(lines) : commentBlocks(lines, kind);
  const findings: Finding[] = [];
  const out: string[] = [];
  let at = 0;
  for (const block of blocks) {
    out.push(...lines.slice(at, block.from), ...block.lines);
    at = block.to;
    for (let i = block.from; i < block.to; i++) {
      const line = lines[i] ?? "";
      if (width(line) > limit) findings.push({ line: i + 1, width: width(line) });
    }
  }
  return { findings, wrapped: [...out, ...lines.slice(at)].join("\n") };
}

/** Paragraphs and list items of prose with a line that is too wide, filled anew. */
function markdownBlocks(lines: readonly string[]): Block[] {
  const blocks: Block[] = [];
  let fence = "";
  let isComment = false;
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] ?? "";
    const mark = /^\s*(```+|~~~+)/.exec(line)?.[1];
    if (fence !== "") {
      if (mark?.startsWith(fence)) fence = "";
      continue;
    }
    if (mark !== undefined) {
      fence = mark;
      continue;
    }
    if (line.startsWith("<!--")) isComment = true;
    if (isComment) {
      isComment = !line.includes("-->");
      continue;
    }
    if (!isProse(line)) continue;
    const first = /^\s*(?:(?:[-+*]|\d+[.)])\s+|>\s+)?/.exec(line)?.[0] ?? "";
    const next = first.trimStart().startsWith(">") ? first : " ".repeat(first.length);
    let to = i + 1;
    while (to < lines.length && isContinuation(lines[to] ?? "", next)) to++;
    const own = lines.slice(i, to);
    if (own.some((each, n) => isWide(each, n === 0 ? first : next))) {
      const text = own.map((each, n) => (n === 0 ? each.slice(first.length) : each.replace(/^\s*>?\s*/, "")));
      blocks.push({ from: i, to, lines: fill(text.join(" "), first, next) });
    }
    i = to - 1;
  }
  return blocks;
}

/** Not a table, a heading, a link's definition, HTML, or code by indentation. */
const isProse = (line: string): boolean =>
  line.trim() !== "" && !/^(?: {4}|\t)/.test(line) && !/^\s*(?:\||#{1,6} |\[[^\]]+\]: |<\/?[a-z]|---+$)/.test(line);

const isContinuation = (line: string, next: string): boolean =>
  line.trim() !== "" &&
  !/^\s*(?:\||#{1,6} |(?:[-+*]|\d+[.)])\s|```|~~~|<!--)/.test(line) &&
  (next.includes(">") ? line.trimStart().startsWith(">") : !line.trimStart().startsWith("> ")) &&
  (next === "" ? !/^(?: {4}|\t)/.test(line) : true);

/**
 * Comments of whole lines, a paragraph each, and comments at the end of code, which move above their line.
 */
function commentBlocks(lines: readonly string[], kind: "slash" | "hash"): Block[] {
  const blocks: Block[] = [];
  const states = kind === "slash" ? slashStates(lines) : lines.map(() => "code" as const);
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] ?? "";
    if (states[i] === "text") continue;
    const prefix = prefixOf(line, kind, states[i] === "comment");
    if (prefix === undefined) {
      const block = states[i] === "code" ? trailing(line, i, kind) : undefined;
      if (block) blocks.push(block);
      continue;
    }
    if (directive.test(line.slice(prefix.length)) || !isWide(line, prefix)) continue;
    const single = /^(\s*)\/\*\*? (.*) \*\/$/.exec(line);
    if (single) {
      const [, indent = "", text = ""] = single;
      const opening = `${indent}${line.trimStart().startsWith("/**") ? "/**" : "/*"}`;
      blocks.push({ from: i, to: i + 1, lines: [opening, ...fill(text, `${indent} * `, `${indent} * `), `${indent} */`] });
      continue;
    }
    if (/\*\/|\/\*/.test(line)) continue; // opens or closes in another way: for people
    const bullet = /^\s*(?:[-*] |\d+[.)] |@\w+ |\S+ {2,})?/.exec(line.slice(prefix.length))?.[0] ?? "";
    const next = prefix + (bullet.startsWith("@") ? "" : " ".repeat(bullet.length));
    let to = i + 1;
    while (to < lines.length && continues(lines[to] ?? "", states[to], prefix, next, kind)) to++;
    const rest = lines.slice(i + 1, to).map((each) => each.slice(next.length));
    blocks.push({ from: i, to, lines: fill([line.slice(prefix.length + bullet.length), ...rest].join(" "), prefix + bullet, next) });
    i = to - 1;
  }
  return blocks;
}

/** What stands before the text of a comment that has its line to itself. */
function prefixOf(line: string, kind: "slash" | "hash", isInside: boolean): string | undefined {
  if (kind === "hash") return /^\s*#+ /.exec(line)?.[0];
  return (isInside ? /^\s*\*? ?/ : /^\s*(?:\/\/ |\/\*\*? )/).exec(line)?.[0];
}

const continues = (
  line: string,
  state: State | undefined,
  prefix: string,
  next: string,
  kind: "slash" | "hash",
): boolean =>
  state !== "text" &&
  prefixOf(line, kind, state === "comment") === prefix &&
  line.startsWith(next) &&
  !/^(?:\s|[-*] |\d+[.)] |@\w+ |\S+ {2,}|$)/.test(line.slice(next.length)) &&
  !directive.test(line.slice(prefix.length)) &&
  !line.includes("*/");

/** A comment after code that makes its line too wide goes to lines of its own above. */
function trailing(line: string, index: number, kind: "slash" | "hash"): Block | undefined {
  const mark = kind === "slash" ? "//" : "#";
  const at = line.lastIndexOf(` ${mark} `);
  const code = line.slice(0, at).trimEnd();
  if (at < 0 || width(line) <= limit || width(code) > limit) return undefined;
  const quotes = /["'`]/;
  const comment = line.slice(at + mark.length + 2);
  if (code.trim() === "" || (quotes.test(comment) && quotes.test(code)) || /https?:\/\//.test(comment)) return undefined;
  if (directive.test(comment) || code.trimEnd().endsWith("\\")) return undefined;
  const indent = /^\s*/.exec(line)?.[0] ?? "";
  return { from: index, to: index + 1, lines: [...fill(comment, `${indent}${mark} `, `${indent}${mark} `), code] };
}

/** Of a line's start: code, the inside of a block comment, or the inside of a template or raw string. */
type State = "code" | "comment" | "text";

/** Follows strings, templates and block comments of TypeScript and Go, as far as comments need it. */
function slashStates(lines: readonly string[]): State[] {
  const states: State[] = [];
  const open: ("template" | "expression")[] = [];
  let isComment = false;
  for (const line of lines) {
    states.push(isComment ? "comment" : open.at(-1) === "template" ? "text" : "code");
    for (let i = 0; i < line.length; i++) {
      const two = line.slice(i, i + 2);
      const one = line[i];
      if (isComment) {
        if (two === "*/") isComment = false;
      } else if (open.at(-1) === "template") {
        if (one === "\\") i++;
        else if (one === "`") open.pop();
        else if (two === "${") {
          open.push("expression");
          i++;
        }
      } else if (two === "//") break;
      else if (two === "/*") isComment = true;
      else if (one === "`") open.push("template");
      else if (one === "{" && open.length > 0) open.push("expression");
      else if (one === "}" && open.length > 0) open.pop();
      else if (one === '"' || one === "'") i = endOf(line, i, one);
      else if (one === "/" && /(?:^|[(,=:[!&|?{};]|return|=>)\s*$/.test(line.slice(0, i))) i = endOfPattern(line, i);
    }
  }
  return states;
}

function endOf(line: string, start: number, quote: string): number {
  for (let i = start + 1; i < line.length; i++) {
    if (line[i] === "\\") i++;
    else if (line[i] === quote) return i;
  }
  return start;
}

/** The end of a regular expression, in which quotes and slashes of a class mean nothing. */
function endOfPattern(line: string, start: number): number {
  let isClass = false;
  for (let i = start + 1; i < line.length; i++) {
    if (line[i] === "\\") i++;
    else if (line[i] === "[") isClass = true;
    else if (line[i] === "]") isClass = false;
    else if (line[i] === "/" && !isClass) return i;
  }
  return start;
}
