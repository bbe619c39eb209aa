import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { ofGo, ofPytest, ofSteps, ofVitest, readReports, slowest } from "./times.ts";

const vitest = JSON.stringify({
  testResults: [
    {
      name: "/here/tests/acceptance/platform.test.ts",
      startTime: 1000,
      endTime: 9000,
      assertionResults: [
        { ancestorTitles: ["logs"], title: "arrive", status: "passed", duration: 2500.4 },
        { ancestorTitles: [], title: "fails", status: "failed", duration: 12 },
        { ancestorTitles: [], title: "is not in this run", status: "skipped" },
      ],
    },
  ],
});
const go = [
  '{"Action":"run","Package":"gateway","Test":"TestLogin"}',
  '{"Action":"pass","Package":"gateway","Test":"TestLogin/wrong","Elapsed":0.4}',
  '{"Action":"pass","Package":"gateway","Test":"TestLogin","Elapsed":0.5}',
  '{"Action":"pass","Package":"gateway","Elapsed":0.6}',
  "go: a line that is no event",
].join("\n");
const junit =
  '<testsuites><testsuite tests="1" time="3"><testcase classname="tests.test_lake" name="test_merge" time="1.250"/></testsuite></testsuites>';

test("durations are read from vitest, go, pytest and the runner's own steps", () => {
  expect(ofVitest("acceptance", vitest, "/here")).toEqual({
    tests: [
      { suite: "acceptance", file: "tests/acceptance/platform.test.ts", name: "logs > arrive", seconds: 2.5 },
      { suite: "acceptance", file: "tests/acceptance/platform.test.ts", name: "fails", seconds: 0.012 },
    ],
    files: [{ suite: "acceptance", file: "tests/acceptance/platform.test.ts", seconds: 8 }],
  });
  expect(ofGo(go)).toEqual([{ suite: "go", file: "gateway", name: "TestLogin", seconds: 0.5 }]);
  expect(ofPytest(junit)).toEqual([
    { suite: "python", file: "tests.test_lake", name: "test_merge", seconds: 1.25 },
  ]);
  expect(ofSteps("lint", "ruff format\t3\nbiome\t0\n")).toEqual([
    { suite: "lint", file: "tests/run", name: "ruff format", seconds: 3 },
    { suite: "lint", file: "tests/run", name: "biome", seconds: 0 },
  ]);
});

test("one table holds all suites, with each test's tier, and the slowest come first", () => {
  const folder = mkdtempSync(join(tmpdir(), "datalab-times-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, "python"));
  writeFileSync(join(folder, "go.json"), go);
  writeFileSync(join(folder, "lint.steps"), "biome\t2\n");
  writeFileSync(join(folder, "python/junit.xml"), junit);
  writeFileSync(join(folder, "suites"), "lint\t4\ngo\t9\n");
  const times = readReports(folder, "all", new Set(["gateway\nTestLogin"]));
  expect(times).toEqual({
    tier: "all",
    suites: { lint: 4, go: 9 },
    files: [],
    tests: [
      { suite: "lint", file: "tests/run", name: "biome", seconds: 2, tier: "default" },
      { suite: "go", file: "gateway", name: "TestLogin", seconds: 0.5, tier: "all" },
      { suite: "python", file: "tests.test_lake", name: "test_merge", seconds: 1.25, tier: "default" },
    ],
  });
  expect(slowest(times, 2)).toBe(
    [
      "The slowest 2 of 3 tests:",
      "    2.0 s  lint               biome",
      "    1.3 s  python             test_merge",
    ].join("\n"),
  );
});
