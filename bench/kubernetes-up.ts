/**
 * `up` in a cluster against `kubectl apply --server-side` of the rendered YAML and `kubectl wait`, and
 * against `up` on Docker: the same model and images, interleaved, from nothing each time. The first and the
 * last end when every functional check passes; kubectl ends when everything is available and every job has
 * completed, which is less. Prints a Markdown table; every figure is kept in bench/data.
 *
 *   eval "$(./datalab env)" && node bench/kubernetes-up.ts [runs]
 *
 * A cluster is named as for the acceptance tests.
 */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Project } from "../tests/acceptance/support/project.ts";
import { benchCluster, kubectl, nothingLeft } from "./support/cluster.ts";
import { openDatalab } from "./support/contenders.ts";
import { datalab } from "./support/datalab.ts";
import { quiet, type TimedStep } from "./support/measure.ts";
import { record, spread } from "./support/record.ts";

const runs = Number(process.argv[2] ?? 3);
if (!Number.isInteger(runs) || runs < 1 || process.argv.length > 3) {
  console.error("usage: node bench/kubernetes-up.ts [runs]");
  process.exit(2);
}
const { registry, platform } = benchCluster();
const stack = "benchk";
const namespace = `datalab-${stack}`;
const waitSeconds = 600;

const steps = ["up", "no-op up", "down"] as const;
type Step = (typeof steps)[number];
const figures: TimedStep<Step>[] = [];
const tell = (text: string) => console.error(text);
/** Manifests of the secrets of the last `up`. */
let secrets = "";

const folder = mkdtempSync(join(tmpdir(), `datalab-${stack}-manifests-`));
const project = new Project(stack, { portOffset: 0, ...platform });
const docker = openDatalab();
try {
  await datalab(project, "images", "push", "--to", registry);
  const built = await docker.project.datalab("images", "build");
  if (built.code !== 0) throw new Error(built.stderr);
  for (let run = 1; run <= runs; run++) {
    await cluster(run);
    await manifests(run);
    await onDocker(run);
  }
  report();
} finally {
  await project.datalab("down", "--delete-data", "--yes");
  await docker.close();
  project.remove();
  rmSync(folder, { recursive: true, force: true });
}

async function timed(
  contender: string,
  run: number,
  step: Step,
  work: () => Promise<unknown> | unknown,
): Promise<void> {
  const before = await quiet(20);
  const began = performance.now();
  await work();
  const seconds = (performance.now() - began) / 1000;
  figures.push({ contender, run, step, seconds, before });
  const busy =
    before.busy > 0.2 ? `  (others used ${Math.round(before.busy * 100)} % of the CPU before)` : "";
  tell(`run ${run} ${contender.padEnd(20)} ${step.padEnd(8)} ${seconds.toFixed(1)} s${busy}`);
}

async function cluster(run: number): Promise<void> {
  await timed("datalab, cluster", run, "up", () => datalab(project, "up"));
  await timed("datalab, cluster", run, "no-op up", () => datalab(project, "up"));
  // What is rendered holds no secret: those of this up are kept for the YAML's turn.
  secrets = secretsOf();
  await datalab(project, "render", "--out", folder);
  for (const file of readdirSync(folder).filter((name) => name.startsWith("secret-")))
    rmSync(join(folder, file));
  await timed("datalab, cluster", run, "down", () => datalab(project, "down", "--delete-data", "--yes"));
  nothingLeft(stack);
}

function secretsOf(): string {
  const { items } = JSON.parse(kubectl(["get", "secrets", "--namespace", namespace, "-o", "json"])) as {
    items: { metadata: { name: string; labels?: object }; data?: object; type: string }[];
  };
  const plain = items.map(({ metadata: { name, labels }, data, type }) => ({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name, namespace, labels },
    type,
    data,
  }));
  return JSON.stringify({ apiVersion: "v1", kind: "List", items: plain });
}

async function manifests(run: number): Promise<void> {
  const apply = () => {
    // The namespace comes first, as whoever applies YAML does it: what follows at once is refused now and
    // then.
    kubectl(["apply", "--server-side", "--filename", join(folder, `namespace-${namespace}.yaml`)]);
    kubectl(["apply", "--server-side", "--filename", "-"], secrets);
    kubectl(["apply", "--server-side", "--recursive", "--filename", folder, "--force-conflicts"]);
    const timeout = `--timeout=${waitSeconds}s`;
    const within = ["--namespace", namespace];
    kubectl(["wait", ...within, "deployment", "--all", "--for=condition=Available", timeout]);
    for (const name of kubectl(["get", "statefulsets", ...within, "-o", "name"])
      .trim()
      .split("\n")) {
      kubectl(["rollout", "status", ...within, name, timeout]);
    }
    kubectl(["wait", ...within, "job", "--all", "--for=condition=Complete", timeout]);
  };
  await timed("kubectl", run, "up", apply);
  await timed("kubectl", run, "no-op up", apply);
  await timed("kubectl", run, "down", () => {
    kubectl([
      "delete",
      "--recursive",
      "--filename",
      folder,
      "--ignore-not-found",
      `--timeout=${waitSeconds}s`,
    ]);
  });
  nothingLeft(stack);
}

async function onDocker(run: number): Promise<void> {
  await timed("datalab, Docker", run, "up", () => docker.up());
  await timed("datalab, Docker", run, "no-op up", () => docker.up());
  await timed("datalab, Docker", run, "down", () => docker.down());
}

function report(): void {
  const file = record("kubernetes-up", { runs, figures });
  const contenders = [...new Set(figures.map(({ contender }) => contender))];
  const cell = (contender: string, step: Step) =>
    spread(figures.filter((f) => f.contender === contender && f.step === step).map((f) => f.seconds));
  console.log(
    [
      `${runs} runs, median (least–most), seconds:`,
      "",
      `| | ${contenders.join(" | ")} |`,
      `| --- | ${contenders.map(() => "---:").join(" | ")} |`,
      ...steps.map(
        (step) => `| ${step} | ${contenders.map((contender) => cell(contender, step)).join(" | ")} |`,
      ),
    ].join("\n"),
  );
  console.error(`every figure: ${file}`);
}
