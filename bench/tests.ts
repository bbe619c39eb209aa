/**
 * Keeps the durations of the last test run, as `./datalab test` has written them to logs/test-times.json, in
 * bench/data.
 *
 *     ./datalab test [--all] && node bench/tests.ts [--note TEXT]
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Times } from "../tests/runner/times.ts";
import { record } from "./support/record.ts";

const { values } = parseArgs({ options: { note: { type: "string" } } });
const file = join(import.meta.dirname, "../logs/test-times.json");
if (!existsSync(file)) {
  console.error(`✖ ${file} does not exist. Run ./datalab test first.`);
  process.exit(2);
}
const times = JSON.parse(readFileSync(file, "utf8")) as Times;
const minutes = Object.values(times.suites).reduce((sum, seconds) => sum + seconds, 0) / 60;
const kept = record("tests", {
  tier: times.tier,
  ...(values.note && { note: values.note }),
  minutes: Math.round(minutes * 10) / 10,
  suites: times.suites,
  files: times.files,
  // Those below a tenth of a second are counted, not listed: there are two thousand of them.
  quick: times.tests.filter(({ seconds }) => seconds < 0.1).length,
  tests: times.tests.filter(({ seconds }) => seconds >= 0.1).toSorted((a, b) => b.seconds - a.seconds),
});
console.log(`${times.tests.length} tests in ${minutes.toFixed(1)} minutes: ${kept}`);
