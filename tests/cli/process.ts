import { spawn } from "node:child_process";
import { resolve } from "node:path";

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const main = resolve(import.meta.dirname, "../../src/cli/main.ts");

/** Runs the command line as people do: a process of its own, outside of any project environment. */
export function datalab(
  args: readonly string[],
  env: Record<string, string | undefined> = {},
  input?: string,
): Promise<Ran> {
  return new Promise((done, reject) => {
    const child = spawn(process.execPath, [main, ...args], {
      env: {
        ...process.env,
        DATALAB_STACK: undefined,
        DATALAB_DEBUG: undefined,
        FORCE_COLOR: undefined,
        ...env,
      },
      stdio: ["pipe", "pipe", "pipe"],
    });
    child.stdin.end(input);
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk) => {
      stdout += chunk;
    });
    child.stderr.on("data", (chunk) => {
      stderr += chunk;
    });
    child.on("error", reject);
    child.on("close", (code) => done({ code, stdout, stderr }));
  });
}
