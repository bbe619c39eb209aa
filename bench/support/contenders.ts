import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { declare } from "../../src/declare.ts";
import { removeLabelled } from "../../tests/acceptance/support/leftovers.ts";
import { Project } from "../../tests/acceptance/support/project.ts";
import { writeComposeFile } from "./compose-file.ts";
import { datalab } from "./datalab.ts";

const stack = "bench1";
const composeProject = "datalab-bench-compose";
const portOffset = 22_000;
/**
 * As long as `datalab up` waits for the engine and the checks together, on a machine with much else to do.
 */
const checksMs = 600_000;
const coreUrl = `http://127.0.0.1:${7070 + portOffset}`;

/** A container by its id, and the workload that it runs. */
export interface Running {
  readonly id: string;
  readonly workload: string;
}

/** One way to run the platform. Each step returns when it is done, by the same measure for all. */
export interface Contender {
  readonly name: string;
  up(): Promise<void>;
  /** What up would do; absent: it can't tell. */
  preview?(): Promise<void>;
  /** The same by the engine alone. */
  plainPreview?(): Promise<void>;
  /** Takes everything down, data included. */
  down(): Promise<void>;
  /** Its containers, those that have ended too. */
  containers(): readonly Running[];
  /** Removes all it has made. */
  close(): Promise<void>;
}

export function openDatalab(): Contender & { readonly project: Project } {
  const project = new Project(stack, { portOffset });
  removeLabelled(project);
  const run = async (...args: string[]) => {
    await datalab(project, ...args);
  };
  return {
    name: "datalab",
    project,
    up: () => run("up"),
    preview: () => run("preview", "--expect-no-changes"),
    plainPreview: async () => {
      const ran = await project.shell(`pulumi preview --stack ${stack} --expect-no-changes`);
      if (ran.code !== 0) throw new Error(ran.stderr);
    },
    down: () => run("down", "--delete-data", "--yes"),
    containers: () => ids(project, `label=datalab.stack=${stack}`),
    close: async () => {
      await project.datalab("down", "--delete-data", "--yes");
      removeLabelled(project);
      project.remove();
    },
  };
}

/** docker-compose 1.29 as Debian packages it, else the compose plugin of Docker. */
export function openCompose(project: Project): Contender {
  const folder = mkdtempSync(join(tmpdir(), "datalab-compose-"));
  const { path: file, token } = writeComposeFile(declare(project.root, stack).model, folder);
  const own = spawnSync("docker-compose", ["version"]).status === 0;
  const program = own ? "docker-compose" : (project.env.DATALAB_DOCKER ?? "docker");
  if (!own && spawnSync(program, ["compose", "version"]).status !== 0) {
    rmSync(folder, { recursive: true, force: true });
    throw new Error(
      "there is no docker-compose to compare with; install it (apt-get install docker-compose)",
    );
  }
  const run = (...args: string[]) =>
    new Promise<void>((done, failed) => {
      const words = [...(own ? [] : ["compose"]), "--project-name", composeProject, "--file", file, ...args];
      const child = spawn(program, words, {
        cwd: folder,
        env: { ...project.env, COMPOSE_HTTP_TIMEOUT: "300" },
        stdio: ["ignore", "ignore", "pipe"],
      });
      let stderr = "";
      child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
        stderr += chunk;
      });
      child.on("error", failed);
      child.on("close", (code) =>
        code === 0
          ? done()
          : failed(new Error(`${program} ${args.join(" ")} ended with ${code}:\n${stderr}`)),
      );
    });
  const down = () => run("down", "--volumes", "--timeout", "30");
  return {
    name: "compose",
    up: async () => {
      await run("up", "--detach");
      await functionalChecks(token);
    },
    down,
    containers: () => ids(project, `label=com.docker.compose.project=${composeProject}`),
    close: async () => {
      await down();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The measure of being up: every functional check passes now. */
async function functionalChecks(token: string | undefined): Promise<void> {
  const deadline = performance.now() + checksMs;
  while (performance.now() < deadline) {
    try {
      const answer = await fetch(`${coreUrl}/check`, {
        method: "POST",
        headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
        signal: AbortSignal.timeout(90_000),
      });
      if (((await answer.json()) as { state: string }).state === "healthy") return;
    } catch {} // core is not there yet
    await sleep(250);
  }
  throw new Error(`the functional checks did not pass within ${checksMs / 1000} s`);
}

/** Containers of a filter, those that have ended too. */
export const ids = (project: Project, filter: string): Running[] =>
  containers((...args) => project.docker(...args), "--all", "--filter", filter);

/** Containers of workloads as `docker ps` lists them. */
export const containers = (docker: (...args: string[]) => string, ...options: string[]): Running[] =>
  docker("ps", "--no-trunc", ...options, "--format", '{{.ID}} {{.Label "datalab.workload"}}')
    .split("\n")
    .flatMap((line) => {
      const [id, workload] = line.split(" ");
      return id && workload ? [{ id, workload }] : [];
    });
