import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { DatalabError } from "../../errors.ts";
import { lastLines, ProgramMissing, type Ran, type RunOptions, run } from "../process.ts";

const docker = () => process.env.DATALAB_DOCKER || "docker";

/** Runs a docker command to its end. Throws when Docker itself can't be used, not when the command fails. */
export async function dockerRun(args: readonly string[], options?: RunOptions): Promise<Ran> {
  try {
    const ran = await run(docker(), args, options);
    if (ran.code !== 0) throwWhenUnusable(ran.stderr);
    return ran;
  } catch (error) {
    throw error instanceof ProgramMissing ? missing(error) : error;
  }
}

/** Runs a docker command that prints JSON: one document, or one a line. Throws when it fails. */
export async function dockerJson<T>(args: readonly string[]): Promise<readonly T[]> {
  const { code, stdout, stderr } = await dockerRun(args);
  if (code !== 0) {
    throw new DatalabError("E_DOCKER", `docker ${args[0]} failed: ${lastLines(stderr, 2)}`);
  }
  const text = stdout.trim();
  if (text.startsWith("[")) return JSON.parse(text) as T[];
  return text === "" ? [] : text.split("\n").map((line) => JSON.parse(line) as T);
}

/** What a docker command prints. Throws when it fails. */
export async function dockerText(args: readonly string[], options?: RunOptions): Promise<string> {
  const { code, stdout, stderr } = await dockerRun(args, options);
  if (code === 0) return stdout;
  throw new DatalabError("E_DOCKER", `docker ${args.slice(0, 2).join(" ")} failed: ${stderr.trim()}`);
}

/** The lines that it prints, but for empty ones. */
export async function dockerLines(args: readonly string[]): Promise<string[]> {
  return (await dockerText(args)).split("\n").filter((line) => line !== "");
}

/**
 * Runs a docker command and hands over each line of both its outputs as it comes. Resolves with its exit
 * code.
 */
export function dockerStream(
  args: readonly string[],
  onLine: (line: string, stream: "stdout" | "stderr") => void,
  signal?: AbortSignal,
): Promise<number | null> {
  const child = spawn(docker(), args, { stdio: ["ignore", "pipe", "pipe"], ...(signal && { signal }) });
  for (const name of ["stdout", "stderr"] as const) {
    createInterface({ input: child[name] }).on("line", (line) => onLine(line, name));
  }
  return new Promise((resolve, reject) => {
    child.on("error", (error: NodeJS.ErrnoException) => {
      // An abort ends the process; its exit is what is waited for.
      if (error.name === "AbortError") return;
      reject(error.code === "ENOENT" ? missing(new ProgramMissing(docker())) : error);
    });
    child.on("close", resolve);
  });
}

function missing(error: ProgramMissing): DatalabError {
  return new DatalabError("E_DOCKER_MISSING", `The program ${error.program} was not found.`, {
    hint: "./setup.sh installs Docker, or says how.",
  });
}

function throwWhenUnusable(stderr: string): void {
  if (/cannot connect to the docker daemon|is the docker daemon running/i.test(stderr)) {
    throw new DatalabError("E_DOCKER_DOWN", "Docker does not answer: its daemon is not running.", {
      hint: "./setup.sh starts it, or says how.",
    });
  }
  if (/permission denied.*docker/is.test(stderr)) {
    throw new DatalabError("E_DOCKER_PERMISSION", "This user may not use Docker.", {
      hint: "Add the user to the group docker (sudo usermod -aG docker $USER) and log in again.",
    });
  }
}
