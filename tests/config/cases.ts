import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Files } from "../support/project.ts";

/** A broken configuration: its files, and every word of the error. */
export interface Case {
  readonly name: string;
  readonly files: Files;
  readonly error: string;
}

/** A service file that is right; cases change lines of it. */
export const notes = readFileSync(join(import.meta.dirname, "notes.yaml"), "utf8");

/**
 * Reads a file of cases: `=== name`, then `--- path` before each file's text and `--- error` before the
 * expected text. `--- path (changed)` is notes.yaml with the lines after `-` replaced by those after `+`.
 */
export function readCases(name: string): Case[] {
  const text = readFileSync(join(import.meta.dirname, "broken", `${name}.cases`), "utf8");
  return text
    .split(/^=== /m)
    .slice(1)
    .map((block) => {
      const [title = "", ...rest] = block.split("\n");
      const sections = rest
        .join("\n")
        .split(/^--- /m)
        .slice(1)
        .map((section) => readSection(section));
      const error = sections.find(([path]) => path === "error")?.[1] ?? "";
      const files = Object.fromEntries(sections.filter(([path]) => path !== "error"));
      return { name: title, files, error: error.trimEnd() };
    });
}

function readSection(section: string): [path: string, text: string] {
  const end = section.indexOf("\n");
  const path = section.slice(0, end);
  const text = section.slice(end + 1);
  if (!path.endsWith(" (changed)")) return [path, text];
  const lines = (sign: string) =>
    text
      .split("\n")
      .filter((line) => line.startsWith(sign))
      .map((line) => `${line.slice(1)}\n`)
      .join("");
  if (!notes.includes(lines("-"))) throw new Error(`notes.yaml has no ${lines("-")}`);
  return [path.replace(" (changed)", ""), notes.replace(lines("-"), () => lines("+"))];
}
