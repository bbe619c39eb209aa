/**
 * The first `up` of a new user: README's first command in a fresh clone, with an empty HOME, empty caches and
 * empty Docker data, in namespaces of its own beside whatever else this host runs. Prints a Markdown table;
 * every line that was said, with its time, is kept in bench/data.
 *
 *   node bench/first-up.ts [--setup-only] [--commit REF]       as root on Linux
 *
 * CPU seconds are those of its control group: all that the run has started, and nothing of others on this
 * host.
 */
import { execFileSync } from "node:child_process";
import { loadavg } from "node:os";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { EmptyMachine } from "./support/empty-machine.ts";
import { cores, machineCpuSeconds, quiet } from "./support/measure.ts";
import { record } from "./support/record.ts";

interface Said {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly line: string;
}

const repository = resolve(import.meta.dirname, "..");
const { values } = parseArgs({
  options: { "setup-only": { type: "boolean" }, commit: { type: "string", default: "HEAD" } },
});
if (process.platform !== "linux" || process.getuid?.() !== 0) {
  console.error("✖ bench/first-up.ts makes namespaces: run it as root on Linux");
  process.exit(2);
}
const command = values["setup-only"] ? ["./setup.sh"] : ["./datalab", "up"];
const commit = execFileSync("git", ["-C", repository, "rev-parse", values.commit], {
  encoding: "utf8",
}).trim();

const before = await quiet(30);
const machine = new EmptyMachine(repository, commit);
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => void machine.remove().then(() => process.exit(130)));
}
const said: Said[] = [];
try {
  const began = performance.now();
  const busy = machineCpuSeconds();
  const load: number[] = [];
  const watch = setInterval(() => load.push(loadavg()[0] as number), 10_000);
  const now = () => ({ seconds: (performance.now() - began) / 1000, cpuSeconds: machine.cpuSeconds() });
  const code = await machine.run(command, (line) => {
    console.error(line);
    said.push({ ...now(), line });
  });
  clearInterval(watch);
  const { seconds, cpuSeconds } = now();
  const others = machineCpuSeconds() - busy - cpuSeconds;
  const ofLoad = { before, mean: load.reduce((sum, n) => sum + n, 0) / Math.max(1, load.length) };
  const figures = {
    command: command.join(" "),
    measured: commit,
    code,
    seconds,
    cpuSeconds,
    others,
    load: ofLoad,
  };
  if (code !== 0) throw new Error(`${figures.command} ended with ${code}`);
  const file = record("first-up", { ...figures, said });
  report(seconds, cpuSeconds, others);
  console.error(`→ ${file}`);
} finally {
  await machine.remove();
}

function report(seconds: number, cpuSeconds: number, others: number): void {
  const minutes = (n: number) => (n / 60).toFixed(1);
  console.log(`| \`${command.join(" ")}\` on an empty machine | minutes |\n| --- | ---: |`);
  console.log(`| on the clock | ${minutes(seconds)} |`);
  console.log(`| CPU minutes | ${minutes(cpuSeconds)} |`);
  console.log(`| the same / ${cores} cores: the least that it can take | ${minutes(cpuSeconds / cores)} |`);
  console.log(`| CPU minutes of others meanwhile | ${minutes(others)} |`);
  for (const [what, from, to] of steps()) console.log(`| ${what} | ${minutes(to - from)} |`);
}

/** Every step that said when it began and ended. */
function steps(): [string, number, number][] {
  const ends =
    / (node|npm|docker|engine): (?:.* (?:is|are) in place|.* answers)|((?:image|program) [a-z-]+): (?:built|compiled) in ([\d.]+) s/;
  return said.flatMap(({ seconds, line }): [string, number, number][] => {
    const [, step, made, took] = ends.exec(line) ?? [];
    if (made) return [[made, seconds - Number(took), seconds]];
    if (!step) return [];
    const begun = said.find((each) => each.line.includes(` ${step}: `))?.seconds ?? 0;
    return [[line.replace(/^\[[ \d.]+s\] /, ""), begun, seconds]];
  });
}
