/**
 * How long each test took. `times.ts REPORTS TIER` reads what the suites have reported, writes
 * logs/test-times.json and prints the slowest; `node bench/tests.ts` keeps that file in bench/data.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import type { Tier } from "../support/tier.ts";
import { onlyInAllOf, projects } from "./tiers.ts";

const root = resolve(import.meta.dirname, "../..");

export interface Timed {
  readonly suite: string;
  readonly file: string;
  readonly name: string;
  readonly seconds: number;
  /** The tier that the test is in: one of `default` is in `all` as well. */
  readonly tier: Tier;
}
export interface Times {
  readonly tier: Tier;
  /**
   * Seconds by suite, with all that is no test: building the test image, collecting, setting up and cleaning
   * up.
   */
  readonly suites: Readonly<Record<string, number>>;
  /** Seconds of a file's tests and hooks together. */
  readonly files: readonly { readonly suite: string; readonly file: string; readonly seconds: number }[];
  readonly tests: readonly Timed[];
}
type Measured = Omit<Timed, "tier">;

const round = (seconds: number) => Math.round(seconds * 1000) / 1000;

interface VitestReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly startTime: number;
    readonly endTime: number;
    readonly assertionResults: readonly {
      readonly ancestorTitles: readonly string[];
      readonly title: string;
      readonly status: string;
      readonly duration?: number | null;
    }[];
  }[];
}

/** vitest's JSON report. */
export function ofVitest(
  suite: string,
  text: string,
  base = root,
): { tests: Measured[]; files: Times["files"] } {
  const { testResults } = JSON.parse(text) as VitestReport;
  const tests = testResults.flatMap(({ name: path, assertionResults }) =>
    assertionResults
      .filter(({ status }) => status === "passed" || status === "failed")
      .map(({ ancestorTitles, title, duration }) => ({
        suite,
        file: relative(base, path),
        name: [...ancestorTitles, title].join(" > "),
        seconds: round((duration ?? 0) / 1000),
      })),
  );
  const files = testResults.map(({ name, startTime, endTime }) => ({
    suite,
    file: relative(base, name),
    seconds: round(Math.max(0, endTime - startTime) / 1000),
  }));
  return { tests, files };
}

interface GoEvent {
  readonly Action: string;
  readonly Package?: string;
  readonly Test?: string;
  readonly Elapsed?: number;
}

/** What `go test -json` says, whole tests only. */
export function ofGo(text: string): Measured[] {
  return text
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as GoEvent)
    .filter(({ Action, Test }) => (Action === "pass" || Action === "fail") && Test && !Test.includes("/"))
    .map(({ Package = "", Test = "", Elapsed = 0 }) => ({
      suite: "go",
      file: Package,
      name: Test,
      seconds: Elapsed,
    }));
}

/** pytest's JUnit report. */
export function ofPytest(text: string): Measured[] {
  return [...text.matchAll(/<testcase\b([^>]*)>/g)].map(([, attributes = ""]) => {
    const of = (name: string) => new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1] ?? "";
    return { suite: "python", file: of("classname"), name: of("name"), seconds: Number(of("time")) };
  });
}

/** Steps of the runner itself: `NAME<tab>SECONDS` a line. */
export function ofSteps(suite: string, text: string): Measured[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.split("\t") as [string, string])
    .map(([name, seconds]) => ({ suite, file: "tests/run", name, seconds: Number(seconds) }));
}

/** All that the suites have reported into a folder. */
export function readReports(folder: string, tier: Tier, onlyInAll: ReadonlySet<string>): Times {
  const read = (name: string) => {
    const path = join(folder, name);
    return existsSync(path) ? readFileSync(path, "utf8") : "";
  };
  const vitest = projects
    .map((suite) => [suite, read(`${suite}.json`)] as const)
    .filter(([, text]) => text !== "")
    .map(([suite, text]) => ofVitest(suite, text));
  const steps = readdirSync(folder)
    .filter((name) => name.endsWith(".steps"))
    .flatMap((name) => ofSteps(name.replace(/\.steps$/, ""), read(name)));
  const python = ["python/junit.xml", "python/dashboard.xml"].flatMap((name) => ofPytest(read(name)));
  const tests = [...vitest.flatMap((report) => report.tests), ...steps, ...ofGo(read("go.json")), ...python];
  return {
    tier,
    suites: Object.fromEntries(ofSteps("", read("suites")).map(({ name, seconds }) => [name, seconds])),
    files: vitest.flatMap((report) => report.files),
    tests: tests.map((test) => ({
      ...test,
      tier: onlyInAll.has(`${test.file}\n${test.name}`) ? "all" : "default",
    })),
  };
}

export function slowest(times: Times, count: number): string {
  const rows = times.tests.toSorted((a, b) => b.seconds - a.seconds).slice(0, count);
  return [
    `The slowest ${rows.length} of ${times.tests.length} tests:`,
    ...rows.map(({ seconds, tier, suite, name }) => {
      const where = `${suite}${tier === "all" ? " (--all)" : ""}`;
      return `${seconds.toFixed(1).padStart(7)} s  ${where.padEnd(18)} ${name}`;
    }),
  ].join("\n");
}

function main([folder = "", wanted]: readonly string[]): void {
  const tier: Tier = wanted === "all" ? "all" : "default";
  const reported = projects.filter((project) => existsSync(join(folder, `${project}.json`)));
  const extra = tier === "all" ? reported.flatMap((project) => onlyInAllOf(project)) : [];
  const times = readReports(folder, tier, new Set(extra.map(({ file, name }) => `${file}\n${name}`)));
  mkdirSync(join(root, "logs"), { recursive: true });
  writeFileSync(join(root, "logs/test-times.json"), `${JSON.stringify(times, undefined, 1)}\n`);
  console.log(slowest(times, 30));
}

if (import.meta.main) main(process.argv.slice(2));
