import type { ExitCode } from "./error-codes/entry.ts";
import { type ErrorCode, exitCodeOf, isErrorCode } from "./error-codes/index.ts";

export { type ExitCode, exit } from "./error-codes/entry.ts";
export type { ErrorCode } from "./error-codes/index.ts";

/** A failure with a fix: what is wrong, and how to correct it. */
export class DatalabError extends Error {
  readonly code: ErrorCode;
  readonly exitCode: ExitCode;
  readonly hint: string | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { exitCode?: ExitCode; hint?: string; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "DatalabError";
    this.code = code;
    this.exitCode = options.exitCode ?? exitCodeOf(code);
    this.hint = options.hint;
  }
}

/**
 * An error that another program reports. Its version may be another one: an unknown code becomes E_INTERNAL.
 */
export function reportedError(
  code: string,
  message: string,
  options: { exitCode?: ExitCode; hint?: string } = {},
): DatalabError {
  return isErrorCode(code)
    ? new DatalabError(code, message, options)
    : new DatalabError("E_INTERNAL", `${message} (${code})`, options);
}

/** One problem of a configuration. */
export interface Problem {
  /** Keys from the root of the file's platform object: ["services", "prefect", "storage"]. */
  readonly path: readonly (string | number)[];
  /** `expected a size such as "20Gi", received "20"` */
  readonly message: string;
  /** `file:line:col`, where known. */
  readonly at?: string;
  readonly fix?: string;
}

export function formatPath(path: readonly (string | number)[]): string {
  return path.reduce<string>(
    (text, key) => (typeof key === "number" ? `${text}[${key}]` : text === "" ? key : `${text}.${key}`),
    "",
  );
}

/** All problems of a configuration, thrown once, before anything is changed. */
export class ConfigError extends DatalabError {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    const ordered = inOrder(problems);
    super("E_CONFIG", ordered.map(formatProblem).join("\n"));
    this.name = "ConfigError";
    this.problems = ordered;
  }
}

/** In the order of each file; the files in the order in which they were read. */
function inOrder(problems: readonly Problem[]): Problem[] {
  const place = ({ at = "" }: Problem) => {
    const [, file = at, line = "0", column = "0"] = /^(.*):(\d+):(\d+)$/.exec(at) ?? [];
    return { file, line: Number(line), column: Number(column) };
  };
  const files = [...new Set(problems.map((problem) => place(problem).file))];
  return problems.toSorted((one, other) => {
    const [a, b] = [place(one), place(other)];
    return files.indexOf(a.file) - files.indexOf(b.file) || a.line - b.line || a.column - b.column;
  });
}

export function formatProblem({ path, message, at, fix }: Problem): string {
  const lines = [`✖ ${path.length > 0 ? `${formatPath(path)}: ` : ""}${message}`];
  if (at) lines.push(`  → ${at}`);
  if (fix) lines.push(`  ${fix}`);
  return lines.join("\n");
}
