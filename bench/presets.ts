/**
 * What each preset takes: seconds from empty volumes until all checks pass, and memory at rest. One stack
 * after the other, in turn. Prints a Markdown table; every single figure is kept in bench/data.
 *
 *   eval "$(./datalab env)" && node bench/presets.ts [runs]
 */
import { setTimeout as sleep } from "node:timers/promises";
import { presetNames, presets } from "../src/config/presets.ts";
import { declare } from "../src/declare.ts";
import { instancePrefix } from "../src/model/names.ts";
import { removeLabelled } from "../tests/acceptance/support/leftovers.ts";
import { Project } from "../tests/acceptance/support/project.ts";
import { ids } from "./support/contenders.ts";
import { datalab } from "./support/datalab.ts";
import { CpuWatch, memoryMebibytes, type Quiet, quiet } from "./support/measure.ts";
import { machine, record, spread } from "./support/record.ts";

interface Figure {
  readonly preset: string;
  readonly run: number;
  readonly before: Quiet;
  /** From empty volumes until all checks passed. */
  readonly seconds: number;
  /** Of each container meanwhile: seconds by workload. Others on the machine hardly change them. */
  readonly cpuSeconds: Readonly<Record<string, number>>;
  readonly services: number;
  /** Of each container at rest: MiB by workload. */
  readonly memory: Readonly<Record<string, number>>;
}

/** How long a platform is left alone before its memory is read. */
const settleSeconds = 45;
const portOffset = 23_000;

const runs = Number(process.argv[2] ?? 3);
if (!Number.isInteger(runs) || runs < 1) {
  console.error("usage: node bench/presets.ts [runs]");
  process.exit(2);
}
const tell = (text: string) => console.error(text);
const figures: Figure[] = [];
for (const preset of presetNames) {
  const project = new Project(`bench-${preset}`, { preset, portOffset });
  removeLabelled(project);
  try {
    // Images are no part of the start that is measured: the first one in turn would pay for all.
    await datalab(project, "images", "build");
    for (let run = 1; run <= runs; run++) figures.push(await measure(project, preset, run));
  } finally {
    await project.datalab("down", "--delete-data", "--yes");
    removeLabelled(project);
    project.remove();
  }
}
report();

async function measure(project: Project, preset: string, run: number): Promise<Figure> {
  const before = await quiet(20);
  const watch = new CpuWatch(() => ids(project, `label=datalab.stack=${project.stack}`));
  const began = performance.now();
  await datalab(project, "up");
  const seconds = (performance.now() - began) / 1000;
  const cpuSeconds = watch.stop();
  await sleep(settleSeconds * 1000);
  const memory = memoryOf(project);
  await datalab(project, "down", "--delete-data", "--yes");
  const services = declare(project.root, project.stack).model.services.length;
  tell(
    `${preset.padEnd(9)} run ${run}  ${seconds.toFixed(1)} s, ${total(cpuSeconds).toFixed(0)} CPU s, ${total(memory).toFixed(0)} MiB at rest`,
  );
  return { preset, run, before, seconds, cpuSeconds, services, memory };
}

function memoryOf(project: Project): Record<string, number> {
  const running = project.docker("ps", "--quiet", "--filter", `label=datalab.stack=${project.stack}`);
  const found = memoryMebibytes((...args) => project.docker(...args), running.trim().split("\n"));
  const prefix = instancePrefix(project.stack);
  return Object.fromEntries([...found].map(([name, size]) => [name.replace(prefix, ""), size]));
}

function total(byWorkload: Readonly<Record<string, number>>): number {
  return Object.values(byWorkload).reduce((sum, each) => sum + each, 0);
}

function report(): void {
  const file = record("presets", { runs, figures });
  const worst = Math.max(...figures.map((f) => f.before.busy));
  console.log(
    `${machine.cores} cores, ${machine.memoryGiB} GiB, ${runs} runs each; median (least–most). ` +
      `Before a measurement others used at most ${Math.round(worst * 100)} % of the CPU.\n`,
  );
  console.log(
    "| preset | services | containers | seconds to start | CPU seconds of the containers | MiB at rest | budget |",
  );
  console.log("| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
  for (const name of presetNames) {
    const own = figures.filter(({ preset }) => preset === name);
    const atRest = Math.max(...own.map(({ memory }) => total(memory)));
    const { services = 0, memory = {} } = own[0] ?? {};
    const columns = [
      ...[name, services, Object.keys(memory).length],
      spread(own.map(({ seconds }) => seconds)),
      spread(own.map((f) => total(f.cpuSeconds))),
      ...[atRest.toFixed(0), presets[name].restMiB],
    ];
    console.log(`| ${columns.join(" | ")} |`);
    if (atRest > presets[name].restMiB) {
      tell(`✖ ${name} uses more memory at rest than its preset declares`);
      process.exitCode = 1;
    }
  }
  tell(`every figure: ${file}`);
}
