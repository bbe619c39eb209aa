/**
 * What a platform costs while nobody uses it: CPU seconds by container over ten minutes, without a page open.
 * Prints a Markdown table; every figure is kept in bench/data. Ends with 1 when all containers together take
 * over 10 % of a core.
 *
 *   eval "$(./datalab env)" && node bench/rest.ts [--minutes 10] [--settle 180] [--stack NAME]
 *
 * With --stack it measures that stack's platform, which runs already; otherwise it brings up one of its own.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { must } from "../tests/acceptance/support/project.ts";
import { containers, openDatalab } from "./support/contenders.ts";
import { cpuSeconds, daemonCpuSeconds, machineCpuSeconds } from "./support/measure.ts";
import { record } from "./support/record.ts";

/** Per cent of one core that all containers together may take. */
const goal = 10;

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    settle: { type: "string", default: "180" },
    stack: { type: "string" },
  },
});
const [minutes, settle] = [Number(values.minutes), Number(values.settle)];
if (!(minutes > 0) || !(settle >= 0)) {
  console.error("usage: node bench/rest.ts [--minutes 10] [--settle 180] [--stack NAME]");
  process.exit(2);
}

const own = values.stack === undefined ? openDatalab() : undefined;
try {
  await own?.up();
  await measure(own?.project.stack ?? (values.stack as string));
} finally {
  await own?.close();
}

/** What a container, or the machine, has used between two readings. */
interface Reading {
  readonly at: number;
  readonly byWorkload: ReadonlyMap<string, number>;
  readonly daemons: number;
  readonly machine: number;
}

function read(stack: string): Reading {
  const docker = (...args: string[]) =>
    own ? own.project.docker(...args) : must(".", process.env.DATALAB_DOCKER ?? "docker", args);
  const running = containers(docker, "--filter", `label=datalab.stack=${stack}`);
  if (running.length === 0) throw new Error(`no container of the stack ${stack} runs on this machine`);
  const used = new Map<string, number>();
  for (const { id, workload } of running) {
    used.set(workload, (used.get(workload) ?? 0) + (cpuSeconds(id) ?? Number.NaN));
  }
  return {
    at: performance.now(),
    byWorkload: used,
    daemons: daemonCpuSeconds(),
    machine: machineCpuSeconds(),
  };
}

async function measure(stack: string): Promise<void> {
  console.error(`waits ${settle} s for ${stack} to come to rest`);
  await sleep(settle * 1000);
  const before = read(stack);
  console.error(`measures for ${minutes} min: open no page and start nothing`);
  await sleep(minutes * 60_000);
  const after = read(stack);

  const seconds = (after.at - before.at) / 1000;
  const workloads = [...after.byWorkload]
    .map(([workload, used]) => ({
      workload,
      cpuSeconds: used - (before.byWorkload.get(workload) ?? Number.NaN),
    }))
    .sort((a, b) => b.cpuSeconds - a.cpuSeconds);
  const started = workloads.filter((each) => Number.isNaN(each.cpuSeconds));
  if (started.length > 0)
    throw new Error(`not at rest: ${started.map((each) => each.workload).join(", ")} started meanwhile`);
  const all = workloads.reduce((sum, each) => sum + each.cpuSeconds, 0);
  const daemons = after.daemons - before.daemons;
  const machine = after.machine - before.machine;
  const file = record("rest", {
    stack,
    seconds,
    workloads,
    containers: all,
    daemons,
    machine,
  });

  const share = (used: number) => `${used.toFixed(1)} | ${((100 * used) / seconds).toFixed(2)}`;
  console.log(
    [
      "| workload | CPU seconds | % of a core |",
      "| --- | ---: | ---: |",
      ...workloads.map((each) => `| ${each.workload} | ${share(each.cpuSeconds)} |`),
      `| **all containers** | ${share(all)} |`,
      `| Docker's own processes, for all stacks | ${share(daemons)} |`,
      `| the whole machine, others included | ${share(machine)} |`,
    ].join("\n"),
  );
  console.error(`every figure: ${file}`);
  if ((100 * all) / seconds > goal) {
    console.error(`✖ the containers take more than ${goal} % of a core while nobody uses them`);
    process.exitCode = 1;
  }
}
