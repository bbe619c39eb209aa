/**
 * Runs a public S3 test suite (VersityGW's own: `versitygw test`) against both object store engines as the
 * platform starts them, and writes what passed and failed to bench/s3/results/suite-<engine>.json.
 *
 *   node bench/s3/suite.ts [ENGINE...]
 *
 * Each test runs as a process of its own: a test that ends the suite's process (some do when a server answers
 * with nothing) counts as failed, and the others still run.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { dockerRun } from "../../src/ops/docker/cli.ts";
import { engineNames } from "../../src/ops/object-store/engines.ts";
import { type EngineName, storeEngines } from "../../src/services/object-store.ts";
import { container, secretKey, withEngine } from "./engines.ts";

interface Result {
  readonly name: string;
  readonly outcome: "passed" | "failed" | "skipped";
  readonly reason?: string;
}

const results = join(import.meta.dirname, "results");
const suite = "versitygw test 1.8.0, the tests of full-flow";
const secondsPerTest = 60;

/** What `versitygw test full-flow` runs, in its order. */
const tests = readFileSync(join(import.meta.dirname, "tests.txt"), "utf8")
  .trim()
  .split("\n");

/**
 * One after the other, as all of them call their buckets test-bucket-1; what a failed one has left is
 * removed.
 */
async function runAll(engine: EngineName): Promise<Result[]> {
  const all: Result[] = [];
  while (all.length < tests.length) {
    const results = await withEngine(engine, () => runFrom(engine, all.length));
    if (results.length === 0) throw new Error(`${engine} ran no test after ${all.length}`);
    all.push(...results);
  }
  return all;
}

/**
 * Ends early when a bucket can't be removed, for what is in it is locked: the rest needs an engine with empty
 * volumes.
 */
async function runFrom(engine: EngineName, first: number): Promise<Result[]> {
  // It starts itself as ./versitygw for its users.
  const script = `cd /usr/local/bin
export MC_CONFIG_DIR=/tmp/mc MC_HOST_local=http://admin:${secretKey}@127.0.0.1:9000
while read -r name; do
  echo "@@ $name"
  timeout ${secondsPerTest} versitygw test -a admin -s ${secretKey} -e http://127.0.0.1:9000 "$name" 2>&1 </dev/null
  code=$?
  echo "@= $code"
  if [ $code != 0 ]; then
    for bucket in $(mc ls local | grep -o 'test-bucket-[0-9]*'); do mc rb --force "local/$bucket" >/dev/null 2>&1 || exit; done
  fi
done`;
  const { stdout } = await dockerRun(["exec", "-i", container(engine), "bash", "-c", script], {
    input: `${tests.slice(first).join("\n")}\n`,
  });
  return plain(stdout)
    .split(/^@@ /m)
    .slice(1)
    .map((text) => verdict(text));
}

function verdict(text: string): Result {
  const [name = "", ...lines] = text.split("\n");
  const said = lines.join("\n");
  const code = /^@= (\d+)$/m.exec(said)?.[1];
  const skipped = new RegExp(`^SKIP\\s+${name}`, "m").test(said);
  // The suite has a few tests that can't be called by their own names: no such command.
  if (skipped || code === "3") return { name, outcome: "skipped" };
  if (code === "0" && new RegExp(`^PASS\\s+${name}`, "m").test(said)) return { name, outcome: "passed" };
  const reason = /^FAIL\s+(.*)$/m.exec(said)?.[1] ?? /^panic: .*$/m.exec(said)?.[0];
  return {
    name,
    outcome: "failed",
    reason: (reason ?? `ended with ${code}`).replace(`${name}: `, "").slice(0, 300),
  };
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours
const plain = (text: string): string => text.replace(/\u001b\[[0-9;]*m/g, "");

const given = process.argv.slice(2);
const engines = engineNames.filter((name) => given.length === 0 || given.includes(name));
mkdirSync(results, { recursive: true });
for (const engine of engines) {
  const started = new Date();
  const all = await runAll(engine);
  const of = (outcome: Result["outcome"]) => all.filter((each) => each.outcome === outcome);
  const summary = {
    suite,
    engine: storeEngines[engine].version,
    command: "node bench/s3/suite.ts",
    started: started.toISOString(),
    seconds: Math.round((Date.now() - started.getTime()) / 1000),
    tests: all.length,
    passed: of("passed").length,
    failed: of("failed").length,
    skipped: of("skipped").length,
    failures: Object.fromEntries(of("failed").map(({ name, reason }) => [name, reason])),
    passes: of("passed").map(({ name }) => name),
  };
  writeFileSync(join(results, `suite-${engine}.json`), `${JSON.stringify(summary, null, 2)}\n`);
  console.log(`${engine}: ${summary.passed} passed, ${summary.failed} failed, ${summary.skipped} skipped`);
}
