/**
 * `preview`, `up` and `destroy` of stacks of growing size on fake nodes: how their times grow with the
 * objects of a tenant. Services are declared in YAML, each with a file and a secret; nodes are kwok's, so
 * that pods cost nothing and what is left is the program, the engine and the cluster's API. Prints a Markdown
 * table; every figure is kept in bench/data.
 *
 *   ../shared/cluster/cluster nodes 1        # or whatever starts kwok, told to manage nodes with its annotation
 *   eval "$(./datalab env)" && node bench/scale.ts [services ...]
 *
 * A cluster is named as for the acceptance tests. Real nodes take no pods meanwhile, 500 fake ones take all.
 */
import type { Project } from "../tests/acceptance/support/project.ts";
import { nothingLeft } from "./support/cluster.ts";
import { datalab } from "./support/datalab.ts";
import { closeNodes, nodeCount, openNodes } from "./support/fake-nodes.ts";
import { record } from "./support/record.ts";
import { declareTenants, objectsOf, openTenants, pulumi } from "./support/tenants.ts";

const counts = process.argv.slice(2).map(Number);
const sizes = counts.length > 0 ? counts : [25, 50, 100, 165];
if (sizes.some((size) => !Number.isInteger(size) || size < 1)) {
  console.error("usage: node bench/scale.ts [services ...]");
  process.exit(2);
}
const stack = "scale";

interface Figure {
  readonly services: number;
  /** In the namespace, without what Kubernetes itself makes of them, such as pods. */
  readonly objects: number;
  readonly steps: Readonly<Record<Step, number>>;
}
const steps = ["up", "preview", "preview --refresh", "destroy", "up, state written once"] as const;
type Step = (typeof steps)[number];

const figures: Figure[] = [];
let project: Project | undefined;
try {
  await openNodes();
  project = await openTenants(stack);
  for (const size of sizes) await measure(project, size);
  report();
} finally {
  await project?.datalab("down", "--delete-data", "--yes");
  closeNodes();
  project?.remove();
}
nothingLeft(stack);

async function measure(project: Project, size: number): Promise<void> {
  declareTenants(project, size);
  const up = await pulumi(project, "up --yes --skip-preview");
  const preview = await pulumi(project, "preview --expect-no-changes");
  const refresh = await pulumi(project, "preview --refresh --expect-no-changes");
  const objects = objectsOf(project);
  const destroy = await pulumi(project, "destroy --yes --skip-preview");
  // What of it is the engine's: as a rule it writes the whole state before and after every single step.
  const once = await pulumi(
    project,
    "up --yes --skip-preview",
    "PULUMI_EXPERIMENTAL=true PULUMI_SKIP_CHECKPOINTS=true",
  );
  await datalab(project, "down", "--delete-data", "--yes");
  const all = { up, preview, "preview --refresh": refresh, destroy, "up, state written once": once };
  figures.push({ services: size, objects, steps: all });
  console.error(
    `${size} services, ${objects} objects: ${steps.map((step) => `${step} ${all[step].toFixed(1)} s`).join(", ")}`,
  );
}

/**
 * How a time grows with the objects: 1 is linearly, 2 with their square. Between the first and the last size.
 */
function exponent(step: Step): number {
  const [first, last] = [figures[0] as Figure, figures.at(-1) as Figure];
  return Math.log(last.steps[step] / first.steps[step]) / Math.log(last.objects / first.objects);
}

function report(): void {
  const file = record("scale", { nodes: nodeCount, figures });
  console.log(
    [
      `${nodeCount} fake nodes; seconds (milliseconds an object):`,
      "",
      `| services | objects | ${steps.join(" | ")} |`,
      `| ---: | ---: | ${steps.map(() => "---:").join(" | ")} |`,
      ...figures.map(
        ({ services: size, objects, steps: took }) =>
          `| ${size} | ${objects} | ${steps.map((step) => `${took[step].toFixed(1)} (${((took[step] * 1000) / objects).toFixed(0)})`).join(" | ")} |`,
      ),
      ...(figures.length > 1
        ? [`| exponent of growth | | ${steps.map((step) => exponent(step).toFixed(2)).join(" | ")} |`]
        : []),
    ].join("\n"),
  );
  console.error(`every figure: ${file}`);
}
