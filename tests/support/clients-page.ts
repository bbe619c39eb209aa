/**
 * docs/clients.md as programs read it: the settings, files, commands and output of each section. The
 * acceptance tests run them, so that the page is true.
 */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";

export interface Section {
  /** Shell lines for the checkout: they export the client's settings. */
  readonly settings: string;
  /** Programs that the section shows, by their file's name. */
  readonly files: Readonly<Record<string, string>>;
  /** Shell lines for any folder; of two blocks the first keeps running while the second is used. */
  readonly commands: readonly string[];
  /** Lines of the output; `...` stands for any text. */
  readonly printed: readonly string[];
}

const page = resolve(import.meta.dirname, "../../docs/clients.md");
const languages = ["sh", "python", "text"];

/** Sections by their heading. What stands below a `###` has the settings of the `##` above it. */
export function clientSections(text = readFileSync(page, "utf8")): ReadonlyMap<string, Section> {
  const found = new Map<string, Section>();
  let shared = "";
  for (const [, level, heading = "", body = ""] of text.matchAll(
    /^(##+) (.+)\n([\s\S]*?)(?=^##|$(?![\s\S]))/gm,
  )) {
    const blocks = [...body.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language = "", code = ""]) => {
      if (!languages.includes(language)) throw new Error(`${heading}: a block in the language "${language}"`);
      return { language, code };
    });
    const shell = blocks.filter(({ language }) => language === "sh").map(({ code }) => code);
    const own = shell.filter((code) => code.startsWith("export ")).join("");
    if (level === "##") shared = own;
    const commands = shell.filter((code) => !code.startsWith("export "));
    if (commands.length === 0) continue;
    const programs = blocks.filter(({ language }) => language === "python").map(({ code }) => program(code));
    const output = blocks.filter(({ language }) => language === "text").map(({ code }) => code.trimEnd());
    found.set(heading, {
      settings: own || shared,
      files: Object.fromEntries(programs),
      commands,
      printed: output.flatMap((code) => code.split("\n")),
    });
  }
  return found;
}

/** The first line of a program is a comment with its file's name. */
function program(code: string): readonly [string, string] {
  const name = /^# (\w+\.py)\n/.exec(code)?.[1];
  if (name === undefined) throw new Error(`a program without its name in the first line:\n${code}`);
  return [name, code];
}

/** Ports that a text names, on the loopback interface. */
export const portsIn = (text: string): number[] =>
  [...text.matchAll(/127\.0\.0\.1:(\d+)/g)].map(([, port]) => Number(port));

/** The text with every port as a stack with this `portOffset` has it. */
export const shifted = (text: string, portOffset: number): string =>
  text.replaceAll(
    /(127\.0\.0\.1:)(\d+)/g,
    (_, host: string, port: string) => host + (Number(port) + portOffset),
  );

/** Those of the expected lines that the output has, in their order. */
export function shown(output: string, printed: readonly string[]): string[] {
  const lines = output.split("\n").map((line) => line.trimEnd());
  const pattern = (line: string) => new RegExp(`^${line.split("...").map(literal).join(".*")}$`);
  return printed.filter((line) => {
    const at = lines.findIndex((each) => pattern(line).test(each));
    if (at >= 0) lines.splice(0, at + 1);
    return at >= 0;
  });
}

const literal = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
