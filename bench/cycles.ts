/**
 * `up` and `down --delete-data` again and again, on Docker or in a cluster: how long each takes, and that
 * nothing is ever left. Ends with 1 at the first cycle that leaves something. Prints a Markdown table; every
 * figure is kept in bench/data.
 *
 *   eval "$(./datalab env)" && node bench/cycles.ts docker|kubernetes [cycles] [--whole]
 *
 * Without --whole: core, PostgreSQL, object store and Prefect alone. A cluster is named as for the acceptance
 * tests.
 */
import { leftInCluster } from "../tests/acceptance/support/cluster.ts";
import { labelled, processesOf, removeLabelled } from "../tests/acceptance/support/leftovers.ts";
import { Project } from "../tests/acceptance/support/project.ts";
import { foundation, type Setting } from "../tests/acceptance/support/stage.ts";
import { benchCluster } from "./support/cluster.ts";
import { datalab } from "./support/datalab.ts";
import { median } from "./support/measure.ts";
import { record } from "./support/record.ts";

const [target, count = "20", ...flags] = process.argv.slice(2);
const cycles = Number(count);
const usage = (target !== "docker" && target !== "kubernetes") || !Number.isInteger(cycles) || cycles < 1;
if (usage || flags.some((flag) => flag !== "--whole")) {
  console.error("usage: node bench/cycles.ts docker|kubernetes [cycles] [--whole]");
  process.exit(2);
}
const inCluster = target === "kubernetes";
const cluster = inCluster ? benchCluster() : undefined;
const whole = flags.includes("--whole");

const { stack, portOffset, platform } = settingOf("cycles");
const project = new Project(stack, { portOffset, ...platform });
const run = async (...args: string[]) => (await datalab(project, ...args)).seconds;
const figures: { readonly up: number; readonly down: number }[] = [];
try {
  await run("images", ...(cluster ? ["push", "--to", cluster.registry] : ["build"]));
  for (let cycle = 1; cycle <= cycles; cycle++) {
    const up = await run("up");
    const down = await run("down", "--delete-data", "--yes");
    figures.push({ up, down });
    console.error(`cycle ${cycle} of ${cycles}: up ${up.toFixed(1)} s, down ${down.toFixed(1)} s`);
    const left = [...leftOver(), ...processesOf(project)];
    if (left.length > 0) throw new Error(`cycle ${cycle} has left: ${left.join(", ")}`);
  }
  report();
} finally {
  await project.datalab("down", "--delete-data", "--yes");
  if (!inCluster) removeLabelled(project);
  project.remove();
}

function settingOf(name: string): Setting {
  const { services } = whole ? { services: {} } : (foundation.platform as { services: object });
  return cluster
    ? { stack: name, portOffset: 0, platform: { ...cluster.platform, services } }
    : { stack: name, portOffset: 23_000, platform: { services } };
}

/** Whatever carries the stack's name or label. */
function leftOver(): string[] {
  return inCluster ? leftInCluster(stack) : Object.values(labelled(project)).flat();
}

function report(): void {
  const file = record(`cycles-${target}`, { target, whole, figures });
  const row = (name: "up" | "down") => {
    const all = figures.map((figure) => figure[name]);
    const [min, middle, max] = [Math.min(...all), median(all), Math.max(...all)].map((s) => s.toFixed(1));
    return `| ${name} | ${min} | ${middle} | ${max} |`;
  };
  console.log(
    [
      `${cycles} cycles on ${target}, ${whole ? "the whole platform" : "the foundation"}; nothing was left by any.`,
      "",
      "| seconds | least | median | most |",
      "| --- | ---: | ---: | ---: |",
      row("up"),
      row("down"),
    ].join("\n"),
  );
  console.error(`every figure: ${file}`);
}
