import { existsSync, readdirSync, readFileSync } from "node:fs";
import { availableParallelism, loadavg } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import type { Running } from "./contenders.ts";

export const cores = availableParallelism();

/**
 * CPU seconds that every container of a set has used, sampled while they run: what has ended keeps its last
 * figure.
 */
export class CpuWatch {
  readonly #list: () => readonly Running[];
  readonly #used = new Map<string, number>();
  readonly #timer: NodeJS.Timeout;

  constructor(list: () => readonly Running[]) {
    this.#list = list;
    this.#timer = setInterval(() => this.#sample(), 500);
  }

  /** Seconds by workload. */
  stop(): Readonly<Record<string, number>> {
    clearInterval(this.#timer);
    this.#sample();
    return Object.fromEntries(this.#used);
  }

  #sample(): void {
    for (const { id, workload } of this.#list()) {
      const seconds = cpuSeconds(id);
      if (seconds !== undefined) this.#used.set(workload, seconds);
    }
  }
}

/** What the kernel has charged to a container, with either version of control groups. */
export function cpuSeconds(id: string): number | undefined {
  const old = `/sys/fs/cgroup/cpuacct/docker/${id}/cpuacct.usage`;
  if (existsSync(old)) return Number(readFileSync(old, "utf8")) / 1e9;
  for (const folder of [`system.slice/docker-${id}.scope`, `docker/${id}`]) {
    const path = `/sys/fs/cgroup/${folder}/cpu.stat`;
    if (existsSync(path)) return Number(/^usage_usec (\d+)/m.exec(readFileSync(path, "utf8"))?.[1]) / 1e6;
  }
  return undefined;
}

const daemons = /^(dockerd|containerd|containerd-shim|docker-proxy)/;

/** CPU seconds that Docker's own processes have used so far; what they start and wait for is not in it. */
export function daemonCpuSeconds(): number {
  const ticks = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
        const end = stat.lastIndexOf(")");
        if (!daemons.test(stat.slice(stat.indexOf("(") + 1, end))) return 0;
        const fields = stat.slice(end + 2).split(" ");
        return Number(fields[11]) + Number(fields[12]);
      } catch {
        return 0; // it has ended meanwhile
      }
    });
  return ticks.reduce((sum, each) => sum + each, 0) / 100;
}

/** Memory of running containers, without the page cache that the kernel takes back at will; by name. */
export function memoryMebibytes(
  docker: (...args: string[]) => string,
  ids: readonly string[],
): Map<string, number> {
  const units: Record<string, number> = { B: 2 ** -20, KiB: 2 ** -10, MiB: 1, GiB: 2 ** 10 };
  const lines = docker("stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}}", ...ids)
    .trim()
    .split("\n");
  return new Map(
    lines.map((line) => {
      const [, name, value, unit] = /^(\S+) ([\d.]+)([KMG]?i?B)/.exec(line) ?? [];
      if (!name || !unit) throw new Error(`docker stats said: ${line}`);
      return [name, Number(value) * (units[unit] ?? 1)];
    }),
  );
}

/** What the kernel has counted for all cores together, in hundredths of a second. */
function machineTicks(): { readonly idle: number; readonly all: number } {
  const fields = (readFileSync("/proc/stat", "utf8").split("\n")[0] as string)
    .split(/\s+/)
    .slice(1, 9)
    .map(Number);
  const idle = (fields[3] ?? 0) + (fields[4] ?? 0);
  return { idle, all: fields.reduce((sum, n) => sum + n, 0) };
}

/** CPU seconds that the whole machine has used since it started, whoever for. */
export function machineCpuSeconds(): number {
  const { idle, all } = machineTicks();
  return (all - idle) / 100;
}

/** Share of the machine's CPU that was busy during the next seconds. */
export async function busyShare(seconds: number): Promise<number> {
  const before = machineTicks();
  await sleep(seconds * 1000);
  const after = machineTicks();
  return 1 - (after.idle - before.idle) / Math.max(1, after.all - before.all);
}

export interface Quiet {
  /** Share of the CPU that others used just before the measurement. */
  readonly busy: number;
  readonly load: number;
}

/** Waits until the machine is quiet, for so long at most; what it was at the end is part of the figures. */
export async function quiet(maxSeconds: number): Promise<Quiet> {
  const began = performance.now();
  for (;;) {
    const busy = await busyShare(2);
    if (busy < 0.1 || performance.now() - began > maxSeconds * 1000)
      return { busy, load: loadavg()[0] as number };
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

/** How long one step of one contender took in one run, and how quiet the machine was before it. */
export interface TimedStep<Step extends string> {
  readonly contender: string;
  readonly run: number;
  readonly step: Step;
  readonly seconds: number;
  readonly before: Quiet;
}
