/**
 * How fast a CSV file (336,776 flights, 30 MB) comes into bronze and silver: the code as it is against that
 * of an earlier commit, in turns, in the test image. Prints a Markdown table; every figure is kept in
 * bench/data. Ends with 1 when bronze takes over 1.1 times as long as before.
 *
 *   eval "$(./datalab env)" && node bench/ingest.ts --base COMMIT [--runs 5]
 */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { imageTag } from "../src/images/catalog.ts";
import { must } from "../tests/acceptance/support/project.ts";
import { median } from "./support/measure.ts";
import { record, spread } from "./support/record.ts";

/** Times as long as before. */
const goal = 1.1;

const { values } = parseArgs({
  options: { base: { type: "string" }, runs: { type: "string", default: "5" } },
});
const runs = Number(values.runs);
if (values.base === undefined || !Number.isInteger(runs) || runs < 1) {
  console.error("usage: node bench/ingest.ts --base COMMIT [--runs 5]");
  process.exit(2);
}

const root = resolve(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "datalab-ingest-"));
interface Figure {
  readonly bronze: number;
  readonly silver: number;
  readonly rows: number;
}
const figures: Record<"before" | "now", Figure[]> = { before: [], now: [] };
try {
  const archive = execFileSync("git", ["archive", values.base, "pipelines/datalab"], {
    cwd: root,
    maxBuffer: 2 ** 28,
  });
  mkdirSync(join(folder, "before"));
  execFileSync("tar", ["-x", "--strip-components=1", "-C", join(folder, "before")], { input: archive });
  cpSync(join(root, "pipelines/datalab"), join(folder, "now/datalab"), { recursive: true });
  cpSync(join(root, "bench/ingest.py"), join(folder, "ingest.py"));
  execFileSync("chmod", ["-R", "a+rX", folder]);
  for (let run = 1; run <= runs; run++) {
    for (const which of run % 2 === 1 ? (["before", "now"] as const) : (["now", "before"] as const)) {
      figures[which].push(measure(which));
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
const ratio = (key: "bronze" | "silver"): number =>
  median(figures.now.map((each) => each[key])) / median(figures.before.map((each) => each[key]));
console.log(`| | ${values.base} | now | ratio |\n| --- | --- | --- | --- |`);
for (const key of ["bronze", "silver"] as const) {
  const [before, now] = [figures.before, figures.now].map((list) => spread(list.map((each) => each[key])));
  console.log(`| ${key}, s | ${before} | ${now} | ${ratio(key).toFixed(2)} |`);
}
console.log(record("ingest", { base: values.base, runs, figures, ratio: ratio("bronze") }));
if (ratio("bronze") > goal) process.exitCode = 1;

function measure(which: "before" | "now"): Figure {
  const docker = process.env.DATALAB_DOCKER ?? "docker";
  const flags = ["--rm", "--network", "none", "--tmpfs", "/tmp:exec,size=2g", "-v", `${folder}:/code:ro`];
  const path = `PYTHONPATH=/code/${which}:/opt/test-lib`;
  const args = ["run", ...flags, "-e", path, "--entrypoint", "python", imageTag("test"), "/code/ingest.py"];
  return JSON.parse(must(root, docker, args)) as Figure;
}
