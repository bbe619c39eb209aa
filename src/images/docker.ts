/** Running programs, and finding a Docker client that can build. */
import { spawn, spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { DatalabError } from "../errors.ts";

/** How a program ended, with everything it printed. */
export interface Finished {
  readonly code: number;
  readonly lines: readonly string[];
}

/** Options of `run`. */
export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly signal?: AbortSignal | undefined;
  readonly onLine?: (line: string) => void;
}

/** Runs a program without a shell, hands over its output line by line, and never throws for its exit code. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const lines: string[] = [];
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      signal: options.signal,
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on("line", (line) => {
        lines.push(line);
        options.onLine?.(line);
      });
    }
    child.on("error", reject);
    child.on("close", (code) => resolve({ code: code ?? 1, lines }));
  });
}

/** No Docker client can build images. */
export class DockerUnusableError extends DatalabError {
  constructor(reasons: readonly string[]) {
    super(
      "E_DOCKER_CLIENT",
      [
        "no usable Docker client was found:",
        ...reasons.map((reason) => `  ${reason}`),
        "→ run ./setup.sh, or install Docker Engine with its buildx plugin, or point DATALAB_DOCKER at a client that has it",
      ].join("\n"),
    );
    this.name = "DockerUnusableError";
  }
}

let chosen: string | undefined;

/**
 * The Docker client: `DATALAB_DOCKER` when set, else the first one on PATH that can build with BuildKit. A
 * client of version 23 or later needs the buildx plugin for that, an older one has BuildKit built in.
 */
export function dockerBinary(): string {
  if (process.env.DATALAB_DOCKER) return process.env.DATALAB_DOCKER;
  if (chosen !== undefined) return chosen;
  const reasons: string[] = [];
  for (const candidate of clientsOnPath()) {
    const problem = usabilityProblem(candidate);
    if (problem === undefined) {
      chosen = candidate;
      return candidate;
    }
    reasons.push(`${candidate}: ${problem}`);
  }
  throw new DockerUnusableError(reasons.length > 0 ? reasons : ["there is no `docker` on PATH"]);
}

function clientsOnPath(): string[] {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/bin"].filter(
    (folder) => folder !== "",
  );
  const found = folders.map((folder) => join(folder, "docker")).filter((path) => isExecutable(path));
  return [...new Set(found)];
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function usabilityProblem(client: string): string | undefined {
  const ask = (...args: string[]) => spawnSync(client, args, { encoding: "utf8", timeout: 10_000 });
  const version = ask("version", "--format", "{{.Client.Version}} {{.Server.Version}}");
  if (version.status !== 0) return version.stderr.trim().split("\n")[0] || "does not answer";
  const major = Number.parseInt(version.stdout, 10);
  if (major < 23) return undefined;
  return ask("buildx", "version").status === 0 ? undefined : "the buildx plugin is missing";
}
