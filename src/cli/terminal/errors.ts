import type { CommanderError } from "@commander-js/extra-typings";
import { ConfigError, DatalabError, type ExitCode, exit } from "../../errors.ts";
import { escapedLines, onStderr, printJson, say } from "./output.ts";

export interface ReportOptions {
  readonly json: boolean;
  readonly verbose: boolean;
}

/**
 * Reports an error and returns the exit code: text on stderr, and the error as JSON on stdout with --json.
 */
export function report(error: unknown, { json, verbose }: ReportOptions): ExitCode {
  const told = asDatalabError(error);
  if (told === null) return exit.ok;
  const mark = onStderr("red", "✖");
  // A ConfigError's message is a list whose lines have their own marks.
  // It may quote data, such as the name of a file.
  const message = escapedLines(told.message);
  const words = [message.startsWith("✖") ? message.replace(/^✖/gm, mark) : `${mark} ${message}`];
  if (told.hint) words.push(`  ${escapedLines(told.hint)}`);
  // On one terminal the JSON below says it all.
  if (!(json && process.stdout.isTTY && process.stderr.isTTY)) say(words.join("\n"));
  if (verbose && told.code === unexpected && error instanceof Error) say(error.stack ?? "");
  if (json) {
    printJson({
      error: {
        code: told.code,
        message: told.message,
        hint: told.hint ?? null,
        ...(told instanceof ConfigError && { problems: told.problems }),
      },
    });
  }
  return told.exitCode;
}

const unexpected = "E_UNEXPECTED";

/** Null: no error, such as after `--help`. */
function asDatalabError(error: unknown): DatalabError | null {
  if (error instanceof DatalabError) return error;
  if (isCommanderError(error)) return error.exitCode === 0 ? null : usageError(error);
  const message = error instanceof Error ? error.message || error.name : String(error);
  return new DatalabError(unexpected, `unexpected error: ${message.split("\n")[0]}`, {
    hint: "--verbose shows where it comes from.",
    cause: error,
  });
}

/** Duck-typed, so that this does not load the parser. */
function isCommanderError(error: unknown): error is CommanderError {
  return (
    error instanceof Error &&
    "exitCode" in error &&
    String((error as CommanderError).code).startsWith("commander.")
  );
}

/** `error: unknown option '--jsn'\n(Did you mean --json?)` in our form. */
function usageError(error: CommanderError): DatalabError {
  if (error.code === "commander.help") {
    return new DatalabError("E_USAGE", "a command is missing", {
      hint: "--help lists the commands.",
    });
  }
  const [first = "", ...rest] = error.message.split("\n");
  const hint = rest.join(" ").replace(/^\((.*)\)$/, "$1");
  return new DatalabError("E_USAGE", first.replace(/^error: /, ""), {
    hint: hint || "--help shows the usage.",
  });
}
