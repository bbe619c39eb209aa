import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { Readable, type Writable } from "node:stream";
import { pipeline } from "node:stream/promises";

/** How a child process ended. */
export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Written to its standard input, which is closed after it. */
  readonly input?: string | Readable;
  /** Gets its standard output instead of the result's `stdout`, and is ended with it. */
  readonly output?: Writable;
  readonly signal?: AbortSignal;
  /** A process group of its own, which the terminal's Ctrl-C does not reach. @default false */
  readonly ownGroup?: boolean;
  /** Called for every line of its standard error as it comes. */
  readonly onError?: (line: string) => void;
}

/** Of standard error, at up to 64 KiB each. */
const keptChunks = 256;

/** The program itself is not there. */
export class ProgramMissing extends Error {
  override readonly name = "ProgramMissing";
  readonly program: string;
  constructor(program: string) {
    super(`${program} was not found`);
    this.program = program;
  }
}

/**
 * Runs a program to its end and gives back all it said. Rejects only when it can't be started, or is aborted.
 */
export function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      detached: options.ownGroup === true,
      stdio: [options.input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
      ...(options.signal && { signal: options.signal }),
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    const { input, output } = options;
    let broken: unknown;
    const breakOff = (error: unknown) => {
      broken ??= error;
      child.kill();
    };
    if (output && child.stdout) pipeline(child.stdout, output).catch(breakOff);
    else child.stdout?.on("data", (chunk: Buffer) => stdout.push(chunk));
    child.stderr?.on("data", (chunk: Buffer) => {
      stderr.push(chunk);
      // Who is told each line needs only how it ended: a program may say something of a million files.
      while (options.onError && stderr.length > keptChunks) stderr.shift();
    });
    if (options.onError && child.stderr) createInterface({ input: child.stderr }).on("line", options.onError);
    // It may end without reading its input; its exit code tells what happened.
    child.stdin?.on("error", () => {});
    if (input instanceof Readable && child.stdin) {
      input.on("error", breakOff);
      input.pipe(child.stdin);
    } else child.stdin?.end(input);
    child.on("error", (error: NodeJS.ErrnoException) =>
      reject(error.code === "ENOENT" ? new ProgramMissing(program) : error),
    );
    child.on("close", (code) => {
      if (broken !== undefined) return reject(broken);
      resolve({ code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() });
    });
  });
}

/** The last lines of a text that say something. */
export function lastLines(text: string, count: number): string {
  return text
    .split(/\r?\n/)
    .filter((line) => line.trim() !== "")
    .slice(-count)
    .join("\n");
}
