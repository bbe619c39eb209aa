import { existsSync, statSync } from "node:fs";
import { dirname } from "node:path";
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
  if (verbose && [unexpected, "E_FILE_ACCESS"].includes(told.code) && error instanceof Error)
    say(error.stack ?? "");
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
  const access = accessError(error);
  if (access) return access;
  const message = error instanceof Error ? error.message || error.name : String(error);
  return new DatalabError(unexpected, `unexpected error: ${message.split("\n")[0]}`, {
    hint: "--verbose shows where it comes from.",
    cause: error,
  });
}

const accessReasons: Readonly<Record<string, string>> = {
  ENOENT: "does not exist",
  EACCES: "this user may not use it",
  EPERM: "this user may not change it",
  EROFS: "it is in a file system that can't be written to",
  EISDIR: "expected a file, it is a folder",
  ENOTDIR: "a part of the path is a file, not a folder",
  ENOSPC: "no space is left on its disk",
  EDQUOT: "this user's quota is used up",
  EMFILE: "too many files are open",
};

/** What the machine says of a path is no defect, wherever it is met. */
function accessError(error: unknown): DatalabError | undefined {
  const { code = "", path, syscall } = (error ?? {}) as NodeJS.ErrnoException;
  const reason = accessReasons[code];
  // A program that is not there has a path, too.
  if (reason === undefined || typeof path !== "string" || syscall?.startsWith("spawn")) return undefined;
  const folder = dirname(path);
  const lacksFolder = code === "ENOENT" && !existsSync(folder);
  return new DatalabError(
    "E_FILE_ACCESS",
    `${path}: ${lacksFolder ? `the folder ${folder} does not exist` : reason}`,
    {
      hint: lacksFolder ? `mkdir -p ${folder}` : ownerHint(code, path),
      cause: error,
    },
  );
}

function ownerHint(code: string, path: string): string {
  if (code !== "EACCES" && code !== "EPERM") return "--verbose shows what the command did with it.";
  const known = [path, dirname(path)].find((each) => existsSync(each));
  const uid = known === undefined ? undefined : statSync(known).uid;
  return uid === undefined || uid === process.getuid?.()
    ? `ls -ld ${known ?? path} shows its rights.`
    : `It belongs to the user with the id ${uid}. Run this as that user, or use a folder of your own.`;
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
