/**
 * The tenants of bench/scale.ts in several stacks instead of one, brought up one after the other beside what
 * is there: whether the last takes longer than the first. Prints a Markdown table; every figure is kept in
 * bench/data.
 *
 *   eval "$(./datalab env)" && node bench/scale-stacks.ts [stacks] [services of each]
 *
 * What it needs stands in bench/scale.ts.
 */
import type { Project } from "../tests/acceptance/support/project.ts";
import { nothingLeft } from "./support/cluster.ts";
import { closeNodes, nodeCount, openNodes } from "./support/fake-nodes.ts";
import { record } from "./support/record.ts";
import { declareTenants, objectsOf, openTenants, pulumi } from "./support/tenants.ts";

const [count = 4, size = 35] = process.argv.slice(2).map(Number);
if ([count, size].some((n) => !Number.isInteger(n) || n < 1)) {
  console.error("usage: node bench/scale-stacks.ts [stacks] [services of each]");
  process.exit(2);
}
const steps = ["up", "preview", "destroy"] as const;
type Step = (typeof steps)[number];
interface Figure {
  readonly stack: string;
  readonly objects: number;
  readonly seconds: Partial<Record<Step, number>>;
}

const projects: Project[] = [];
const figures: Figure[] = [];
try {
  await openNodes();
  for (let n = 1; n <= count; n++) {
    const project = await openTenants(`scale${n}`);
    projects.push(project);
    declareTenants(project, size);
    const up = await pulumi(project, "up --yes --skip-preview");
    const preview = await pulumi(project, "preview --expect-no-changes");
    figures.push({ stack: project.stack, objects: objectsOf(project), seconds: { up, preview } });
    tell(figures.length - 1);
  }
  for (const [n, project] of projects.entries()) {
    const figure = figures[n] as Figure;
    const destroy = await pulumi(project, "destroy --yes --skip-preview");
    figures[n] = { ...figure, seconds: { ...figure.seconds, destroy } };
    tell(n);
  }
  report();
} finally {
  for (const project of projects) {
    await project.datalab("down", "--delete-data", "--yes");
    project.remove();
  }
  closeNodes();
}
for (const { stack } of projects) nothingLeft(stack);

function tell(n: number): void {
  const { stack, objects, seconds } = figures[n] as Figure;
  const took = Object.entries(seconds).map(([step, s]) => `${step} ${s.toFixed(1)} s`);
  console.error(`${stack}: ${objects} objects, ${took.join(", ")}`);
}

function report(): void {
  const file = record("scale-stacks", { nodes: nodeCount, services: size, figures });
  const sum = (until: number, value: (figure: Figure) => number) =>
    figures.slice(0, until + 1).reduce((total, figure) => total + value(figure), 0);
  console.log(
    [
      `${nodeCount} fake nodes, ${size} services a stack; seconds (of all so far):`,
      "",
      `| stack | objects so far | ${steps.join(" | ")} |`,
      `| ---: | ---: | ${steps.map(() => "---:").join(" | ")} |`,
      ...figures.map(({ seconds }, n) => {
        const cells = steps.map(
          (step) =>
            `${seconds[step]?.toFixed(1)} (${sum(n, (f) => f.seconds[step] ?? Number.NaN).toFixed(1)})`,
        );
        return `| ${n + 1} | ${sum(n, ({ objects }) => objects)} | ${cells.join(" | ")} |`;
      }),
    ].join("\n"),
  );
  console.error(`every figure: ${file}`);
}
