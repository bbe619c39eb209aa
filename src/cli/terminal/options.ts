import { resolve } from "node:path";
import type { Command } from "@commander-js/extra-typings";
import { DatalabError } from "../../errors.ts";
import { stackPattern } from "../../model/names.ts";
import { durationPattern, parseDuration } from "../../model/units.ts";

/** What every command receives. */
export interface Context {
  readonly stack: string;
  readonly json: boolean;
  readonly yes: boolean;
  readonly verbose: boolean;
  /** Folder that holds Pulumi.yaml. */
  readonly project: string;
}

/** Options that every command takes. */
const common = [
  ["-s, --stack <name>", "stack to work on (default: DATALAB_STACK, or dev)"],
  ["--json", "print data and errors as JSON"],
  ["-y, --yes", "answer every question with yes"],
  ["-v, --verbose", "print more details, and the stack trace of unexpected errors"],
] as const;

const project = resolve(import.meta.dirname, "../../..");

// biome-ignore lint/suspicious/noExplicitAny: any command, whatever its arguments and options
export type AnyCommand = Command<any, any, any>;

/** Adds the common options that a command does not have yet. */
export function addCommonOptions(command: AnyCommand): void {
  for (const [flags, description] of common) {
    const long = /--[a-z]+/.exec(flags)?.[0];
    if (!command.options.some((option) => option.long === long)) command.option(flags, description);
  }
}

/** The common options of a running command: `action((..., options, command) => contextOf(command))`. */
export function contextOf(command: AnyCommand): Context {
  const given = command.optsWithGlobals() as Partial<Record<"stack" | "json" | "yes" | "verbose", unknown>>;
  const stack = String(given.stack ?? (process.env.DATALAB_STACK || "dev"));
  if (!stackPattern.test(stack)) {
    throw new DatalabError(
      "E_STACK_NAME",
      `expected the name of a stack, received ${JSON.stringify(stack)}`,
      {
        hint: "Use a name that starts with a letter and has at most 40 lower case letters, digits and dashes.",
      },
    );
  }
  return {
    stack,
    json: given.json === true,
    yes: given.yes === true,
    verbose: given.verbose === true,
    project,
  };
}

/** Reads the value of `--timeout`. */
export function timeoutSeconds(text: string): number {
  if (durationPattern.test(text)) return parseDuration(text);
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw unexpected("--timeout", 'a duration such as "10m"', text);
}

/** Ends a command's help with examples: pairs of a command line and what it does. */
export function examples(
  command: AnyCommand,
  lines: readonly (readonly [line: string, meaning: string])[],
): void {
  const width = Math.max(...lines.map(([line]) => line.length));
  const text = lines.map(([line, meaning]) => `  ${line.padEnd(width)}  ${meaning}`).join("\n");
  command.addHelpText("after", `\nExamples:\n${text}`);
}

/** Reads the value of an option as a whole number of at least `least`. */
export function wholeNumber(name: string, min: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min) return value;
    throw unexpected(name, `a whole number of at least ${min}`, text);
  };
}

function unexpected(option: string, wanted: string, text: string): DatalabError {
  return new DatalabError("E_USAGE", `${option}: expected ${wanted}, received ${JSON.stringify(text)}`);
}
