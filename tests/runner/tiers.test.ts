import { spawnSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { onlyInAllOf } from "./tiers.ts";

const root = resolve(import.meta.dirname, "../..");

function declared(tier: string): string {
  const script = `import { onlyInAll, tier } from ${JSON.stringify(join(root, "tests/support/tier.ts"))};
    onlyInAll(() => console.log("declared"));
    console.log(tier);`;
  const env = { ...process.env, DATALAB_TEST_TIER: tier };
  return spawnSync(process.execPath, ["--input-type=module", "--eval", script], { encoding: "utf8", env })
    .stdout;
}

describe("a test of --all alone", () => {
  test("is declared in that tier, and in no other", () => {
    expect(declared("all")).toBe("declared\nall\n");
    expect(declared("default")).toBe("default\n");
    expect(declared("")).toBe("default\n");
  });

  test("is marked by the helper or by its file's name, and by nothing else", () => {
    const asking = globSync("tests/**/*.ts", { cwd: root }).filter((path) =>
      readFileSync(join(root, path), "utf8").includes("DATALAB_TEST_TIER"),
    );
    expect(asking.sort()).toEqual([
      "tests/runner/tiers.test.ts",
      "tests/runner/tiers.ts",
      "tests/support/tier.ts",
    ]);
  });

  test("is found by collecting both tiers", { timeout: 180_000 }, () => {
    const file = "tests/acceptance/small-cluster.test.ts";
    const name = "a small stack on Kubernetes > promoted from Docker > is taken back, pods and all";
    expect(onlyInAllOf("acceptance", [file])).toEqual([{ file, name }]);
  });
});

describe("the runner", () => {
  // The environment is there already: the runner must not begin a set-up.
  const path = `${dirname(process.execPath)}:${process.env.PATH}`;
  const env = { ...process.env, DATALAB_PROJECT: root, PATH: path };
  const run = (...args: string[]) =>
    spawnSync("bash", ["tests/run", ...args], { cwd: root, encoding: "utf8", env });

  test("lists what is in which tier, and runs nothing", () => {
    const ran = run("--list", "types", "go");
    expect([ran.status, ran.stdout]).toEqual([
      0,
      "types: every check is in both tiers\ngo: every check is in both tiers\n",
    ]);
  });

  test("refuses a suite that it does not know", () => {
    const ran = run("--all", "units");
    expect([ran.status, ran.stderr]).toEqual([
      2,
      "✖ unknown suite 'units'; the suites are lint types unit manifests go python acceptance\n",
    ]);
  });
});
