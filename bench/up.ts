/**
 * `up` against plain docker-compose: the same model, images, limits and probes, and the same measure of being
 * ready. Interleaved, from empty volumes each time. Prints a Markdown table; every single figure is kept in
 * bench/data.
 *
 *   eval "$(./datalab env)" && node bench/up.ts [runs]
 */
import { setTimeout as sleep } from "node:timers/promises";
import { declare } from "../src/declare.ts";
import { instancePrefix } from "../src/model/names.ts";
import { parseSize } from "../src/model/units.ts";
import { type Contender, openCompose, openDatalab } from "./support/contenders.ts";
import { CpuWatch, machineCpuSeconds, memoryMebibytes, quiet, type TimedStep } from "./support/measure.ts";
import { machine, record, spread } from "./support/record.ts";

const steps = ["cold up", "no-op up", "preview", "plain preview", "down"] as const;
type Step = (typeof steps)[number];

interface Figure extends TimedStep<Step> {
  /** Of each container, from its start until all checks passed: seconds by workload. */
  readonly cpuSeconds?: Readonly<Record<string, number>>;
  /** Of the whole machine during the step: containers, Docker, the engine, and the kernel for all of them. */
  readonly machineCpuSeconds: number;
  /** Of each container at rest, after all checks passed: MiB by workload. */
  readonly memory?: Readonly<Record<string, number>>;
}

/** How long a platform is left alone before its memory is read. */
const settleSeconds = 45;

const runs = Number(process.argv[2] ?? 3);
if (!Number.isInteger(runs) || runs < 1) {
  console.error("usage: node bench/up.ts [runs]");
  process.exit(2);
}
const tell = (text: string) => console.error(text);
const figures: Figure[] = [];
const datalab = openDatalab();
let compose: Contender | undefined;
try {
  compose = openCompose(datalab.project);
  tell("images: building what is missing");
  const built = await datalab.project.datalab("images", "build");
  if (built.code !== 0) throw new Error(built.stderr);
  for (let run = 1; run <= runs; run++) {
    // Who comes first changes: caches and clocks favour nobody.
    const order = run % 2 === 1 ? [datalab, compose] : [compose, datalab];
    for (const contender of order) await measure(contender, run);
  }
  report();
} finally {
  // One that can't be closed must neither keep the other, nor hide what went wrong before.
  for (const contender of [compose, datalab])
    await contender?.close().catch((error: Error) => tell(`${contender.name} is not gone: ${error.message}`));
}

async function measure(contender: Contender, run: number): Promise<void> {
  const timed = async (step: Step, work: () => Promise<void>) => {
    const before = await quiet(20);
    const watch = step === "cold up" ? new CpuWatch(contender.containers) : undefined;
    const [began, used] = [performance.now(), machineCpuSeconds()];
    await work();
    const seconds = (performance.now() - began) / 1000;
    const machineSeconds = machineCpuSeconds() - used;
    const cpuSeconds = watch?.stop();
    figures.push({
      contender: contender.name,
      run,
      step,
      seconds,
      before,
      machineCpuSeconds: machineSeconds,
      ...(cpuSeconds && { cpuSeconds }),
    });
    const busy =
      before.busy > 0.2 ? `  (others used ${Math.round(before.busy * 100)} % of the CPU before)` : "";
    tell(`run ${run} ${contender.name.padEnd(8)} ${step.padEnd(13)} ${seconds.toFixed(1)} s${busy}`);
  };
  await timed("cold up", () => contender.up());
  if (contender === datalab) await rest(run);
  await timed("no-op up", () => contender.up());
  const { preview, plainPreview } = contender;
  if (preview) await timed("preview", () => preview());
  if (plainPreview) await timed("plain preview", () => plainPreview());
  await timed("down", () => contender.down());
}

/** Reads the memory of every container once the platform has come to rest. */
async function rest(run: number): Promise<void> {
  await sleep(settleSeconds * 1000);
  const docker = (...args: string[]) => datalab.project.docker(...args);
  const running = datalab.project.docker(
    "ps",
    "--quiet",
    "--filter",
    `label=datalab.stack=${datalab.project.stack}`,
  );
  const found = memoryMebibytes(docker, running.trim().split("\n"));
  const prefix = instancePrefix(datalab.project.stack);
  const memory = Object.fromEntries([...found].map(([name, size]) => [name.replace(prefix, ""), size]));
  const last = figures.findLast((f) => f.contender === "datalab" && f.step === "cold up" && f.run === run);
  if (last) figures[figures.indexOf(last)] = { ...last, memory };
  tell(`run ${run} datalab  at rest   ${total(memory).toFixed(0)} MiB`);
}

function total(byWorkload: Readonly<Record<string, number>>): number {
  return Object.values(byWorkload).reduce((sum, each) => sum + each, 0);
}

/** Memory and CPU by workload, the worst of the runs, against what the configuration promises. */
function memoryTable(): { text: string; within: boolean } {
  const all = figures.flatMap((f) => (f.memory ? [f.memory] : []));
  const names = [...new Set(all.flatMap((memory) => Object.keys(memory)))].sort();
  const budget =
    parseSize(declare(datalab.project.root, datalab.project.stack).environment.config.budget.memory) /
    2 ** 20;
  const worst = Math.max(...all.map(total));
  const cpu = figures.flatMap((f) => (f.contender === "datalab" && f.cpuSeconds ? [f.cpuSeconds] : []));
  return {
    within: worst <= budget,
    text: [
      "| workload | MiB at rest | CPU seconds until healthy |",
      "| --- | ---: | ---: |",
      ...names.map((name) => {
        const [size, seconds] = [all, cpu].map((runs) => Math.max(...runs.map((run) => run[name] ?? 0)));
        return `| ${name} | ${size?.toFixed(0)} | ${seconds?.toFixed(1)} |`;
      }),
      `| **all** | **${worst.toFixed(0)}** | **${Math.max(...cpu.map(total)).toFixed(0)}** |`,
      `| budget | ${budget.toFixed(0)} | |`,
    ].join("\n"),
  };
}

function report(): void {
  const dockerVersion = datalab.project.docker("version", "--format", "{{.Server.Version}}").trim();
  const file = record("up", { docker: dockerVersion, runs, figures });

  const of = (contender: string, step: Step) =>
    figures.filter((f) => f.contender === contender && f.step === step);
  const names = ["datalab", "compose"];
  const row = (head: string, values: (name: string) => readonly number[]) =>
    `| ${head} | ${names.map((name) => spread(values(name))).join(" | ")} |`;
  const cpu = (name: string) => of(name, "cold up").flatMap((f) => (f.cpuSeconds ? total(f.cpuSeconds) : []));
  const whole = (name: string) => of(name, "cold up").map((f) => f.machineCpuSeconds);
  const worst = Math.max(...figures.map((f) => f.before.busy));
  console.log(
    [
      `${machine.cores} cores, ${machine.memoryGiB} GiB, Docker ${dockerVersion}, ${runs} runs each, interleaved; seconds, median (least–most).`,
      `Before a measurement others used at most ${Math.round(worst * 100)} % of the CPU.`,
      "",
      `| | ${names.join(" | ")} |`,
      "| --- | ---: | ---: |",
      ...steps.map((step) => row(step, (name) => of(name, step).map((f) => f.seconds))),
      row("CPU seconds of the containers until healthy", cpu),
      row("CPU seconds of the whole machine during a cold up", whole),
      row(`the same / ${machine.cores} cores: the least that it can take`, (name) =>
        whole(name).map((s) => s / machine.cores),
      ),
    ].join("\n"),
  );
  const memory = memoryTable();
  console.log(`\n${memory.text}`);
  tell(`every figure: ${file}`);
  if (!memory.within) {
    tell("✖ the platform uses more memory at rest than budget.memory declares");
    process.exitCode = 1;
  }
}
