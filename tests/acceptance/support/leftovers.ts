/** What a stack leaves on the machine: containers, networks, volumes, processes. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import type { Project } from "./project.ts";

const lines = (text: string) => text.split("\n").filter((line) => line !== "");

export interface Labelled {
  readonly containers: readonly string[];
  readonly networks: readonly string[];
  readonly volumes: readonly string[];
}

/** Everything on the Docker host that carries the stack's label. */
export function labelled(project: Project, stack = project.stack): Labelled {
  const filter = ["--filter", `label=datalab.stack=${stack}`];
  return {
    containers: lines(project.docker("ps", "--all", ...filter, "--format", "{{.Names}}")),
    networks: lines(project.docker("network", "ls", ...filter, "--format", "{{.Name}}")),
    volumes: lines(project.docker("volume", "ls", ...filter, "--format", "{{.Name}}")),
  };
}

/** The stack's volumes that hold data, also of people's notebooks and of an engine that was left. */
export function dataVolumes(project: Project): string[] {
  const filters = [`datalab.stack=${project.stack}`, "datalab.role=data"].flatMap((l) => [
    "--filter",
    `label=${l}`,
  ]);
  return lines(project.docker("volume", "ls", ...filters, "--format", "{{.Name}}"));
}

/** Removes what an earlier run that was killed has left. */
export function removeLabelled(project: Project, stack = project.stack): void {
  const { containers, networks, volumes } = labelled(project, stack);
  if (containers.length > 0) project.docker("rm", "--force", "--volumes", ...containers);
  if (networks.length > 0) project.docker("network", "rm", ...networks);
  if (volumes.length > 0) project.docker("volume", "rm", ...volumes);
  const locks = project.docker("ps", "--all", "--quiet", "--filter", `label=datalab.lock=${stack}`);
  if (lines(locks).length > 0) project.docker("rm", ...lines(locks));
}

/** Command lines of processes that work in the project's folder or name it. */
export function processesOf(project: Project): string[] {
  return processes()
    .filter(
      ({ pid, command }) =>
        pid !== process.pid && (command.includes(project.root) || folderOf(pid).startsWith(project.root)),
    )
    .map(({ pid, command }) => `${pid} ${command}`);
}

/** A process and all that descends from it. */
export function processTree(root: number): number[] {
  const all = processes();
  const tree = [root];
  for (const pid of tree) tree.push(...all.filter(({ parent }) => parent === pid).map((p) => p.pid));
  return tree;
}

/** The first child of a container's init process: the service itself. */
export function servicePid(project: Project, container: string): number {
  const init = Number(project.docker("inspect", "--format", "{{.State.Pid}}", container).trim());
  const child = processes().find(({ parent }) => parent === init);
  if (init === 0 || child === undefined) throw new Error(`${container} has no process`);
  return child.pid;
}

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

export function processes(): Process[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, "utf8");
        const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
        if (state === "Z") return [];
        const command = readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ").trim();
        return [{ pid: Number(name), parent: Number(parent), command }];
      } catch {
        return []; // it has ended meanwhile
      }
    });
}

function folderOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return "";
  }
}
