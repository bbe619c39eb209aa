/**
 * `preview`, `up` and `destroy` of stacks of growing size on fake nodes: how their times grow with the objects of a tenant.
 * Services are declared in YAML, each with a file and a secret; nodes are kwok's, so that pods cost nothing and what is left
 * is the program, the engine and the cluster's API. Prints a Markdown table; every figure is kept in bench/data.
 *
 *   ../shared/cluster/cluster nodes 1        # or whatever starts kwok, told to manage nodes with its annotation
 *   eval "$(./datalab env)" && node bench/scale.ts [services ...]
 *
 * A cluster is named as for the acceptance tests. Real nodes take no pods meanwhile, 500 fake ones take all.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { services } from "../src/services/index.ts";
import { Project } from "../tests/acceptance/support/project.ts";
import { benchCluster, kubectl, nothingLeft } from "./support/cluster.ts";
import { datalab } from "./support/datalab.ts";
import { record } from "./support/record.ts";

const counts = process.argv.slice(2).map(Number);
const sizes = counts.length > 0 ? counts : [25, 50, 100, 165];
if (sizes.some((size) => !Number.isInteger(size) || size < 1)) {
  console.error("usage: node bench/scale.ts [services ...]");
  process.exit(2);
}
const { registry, platform } = benchCluster();
const stack = "scale";
const nodeCount = 500;
const nodeLabel = "datalab.bench";

interface Figure {
  readonly services: number;
  /** In the namespace, without what Kubernetes itself makes of them, such as pods. */
  readonly objects: number;
  readonly steps: Readonly<Record<Step, number>>;
}
const steps = ["up", "preview", "preview --refresh", "destroy", "up, state written once"] as const;
type Step = (typeof steps)[number];

const figures: Figure[] = [];
const realNodes = nodes(`type!=kwok,!${nodeLabel}`);
const project = new Project(stack, {
  portOffset: 0,
  ...platform,
  services: Object.fromEntries(
    services.filter(({ name }) => name !== "core").map(({ name }) => [name, { enabled: false }]),
  ),
});
try {
  await openNodes();
  await datalab(project, "images", "push", "--to", registry);
  // What the stack's file must hold is made by the first preview.
  await datalab(project, "preview");
  for (const size of sizes) await measure(size);
  report();
} finally {
  await project.datalab("down", "--delete-data", "--yes");
  closeNodes();
  project.remove();
}
nothingLeft(stack);

async function measure(size: number): Promise<void> {
  const names = Array.from({ length: size }, (_, n) => `tenant-${String(n + 1).padStart(3, "0")}`);
  for (const name of names) project.write(`${name}.yaml`, tenant(name));
  project.configure((config) => {
    config.serviceFiles = names.map((name) => `${name}.yaml`);
  });
  const up = await pulumi("up --yes --skip-preview");
  const preview = await pulumi("preview --expect-no-changes");
  const refresh = await pulumi("preview --refresh --expect-no-changes");
  const objects = declared();
  const destroy = await pulumi("destroy --yes --skip-preview");
  // What of it is the engine's: as a rule it writes the whole state before and after every single step.
  const once = await pulumi(
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

/** A tenant's service: a page, a file and a secret. No disk: on a node that runs nothing none is ever provisioned. */
function tenant(name: string): string {
  return `name: ${name}
summary: One tenant of the scale benchmark.
version: "1"
backup: "none: it holds nothing"
needs: { token: { secret: { user: admin, opens: the page } } }
parts:
  main:
    image: core
    command: [node, /run/datalab/server.mjs]
    env: { TOKEN: "\${needs.token.value}" }
    files: { server.mjs: "import('node:http')" }
    endpoints:
      web: { port: 8081, summary: the tenant's page }
    probe: { command: [curl, --fail, http://127.0.0.1:8081/], within: 30s }
    resources: { cpu: 10m, memory: 16Mi }
`;
}

function nodes(selector: string): string[] {
  return kubectl(["get", "nodes", "--selector", selector, "--output", "name"]).split("\n").filter(Boolean);
}

/** Fake nodes of the bench's own: they have a disk to promise, and no taint. */
async function openNodes(): Promise<void> {
  const room = { cpu: "32", memory: "256Gi", "ephemeral-storage": "1Ti", pods: "110" };
  const items = Array.from({ length: nodeCount }, (_, n) => {
    const name = `scale-${String(n + 1).padStart(4, "0")}`;
    return {
      apiVersion: "v1",
      kind: "Node",
      metadata: {
        name,
        annotations: { "kwok.x-k8s.io/node": "fake" },
        labels: { [nodeLabel]: "node", "kubernetes.io/hostname": name, "kubernetes.io/os": "linux" },
      },
      status: { allocatable: room, capacity: room },
    };
  });
  kubectl(["cordon", ...realNodes]);
  // As many as one call may bring.
  for (let n = 0; n < items.length; n += 100) {
    const list = { apiVersion: "v1", kind: "List", items: items.slice(n, n + 100) };
    kubectl(["create", "--filename", "-"], JSON.stringify(list));
  }
  const deadline = performance.now() + 60_000;
  const states = '{range .items[*].status.conditions[?(@.type=="Ready")]}{.status}{"\\n"}{end}';
  for (;;) {
    const ready = kubectl(["get", "nodes", "--selector", nodeLabel, "--output", `jsonpath=${states}`]);
    const count = ready.split("\n").filter((state) => state === "True").length;
    if (count === nodeCount) return;
    if (performance.now() > deadline)
      throw new Error(`${count} of ${nodeCount} fake nodes are ready: kwok manages none with its annotation`);
    await sleep(1_000);
  }
}

function closeNodes(): void {
  kubectl(["uncordon", ...realNodes]);
  // All in one call: kubectl would ask for one after the other.
  kubectl(["delete", "--raw", `/api/v1/nodes?labelSelector=${nodeLabel}`]);
}

/** Objects that the engine or whoever it told has made for the stack, without pods and what controllers add. */
function declared(): number {
  const made = /^(pods|events|endpoints|endpointslices|replicasets|controllerrevisions|leases)\b|metrics/;
  const kinds = kubectl(["api-resources", "--verbs=list", "--namespaced", "--output", "name"])
    .split("\n")
    .filter((kind) => kind !== "" && !made.test(kind));
  const found = kubectl(["get", kinds.join(","), "--namespace", `datalab-${stack}`, "--output", "name"]);
  return found.split("\n").filter(Boolean).length;
}

async function pulumi(command: string, environment = ""): Promise<number> {
  const began = performance.now();
  const ran = await project.shell(`${environment} pulumi ${command} --stack ${stack} --non-interactive`);
  if (ran.code !== 0)
    throw new Error(`pulumi ${command} ended with ${ran.code}:\n${ran.stdout.slice(-4000)}${ran.stderr}`);
  return (performance.now() - began) / 1000;
}

/** How a time grows with the objects: 1 is linearly, 2 with their square. Between the first and the last size. */
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
