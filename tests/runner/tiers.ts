/**
 * Which tests are in which tier. `tiers.ts print [SUITE...]` is `./datalab test --list`;
 * `tiers.ts extra SUITE` prints how many tests of a suite `--all` alone runs. vitest collects the tests of
 * both tiers; the suites that are not vitest's are in both as a whole.
 */
import { spawnSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import type { Tier } from "../support/tier.ts";

const root = resolve(import.meta.dirname, "../..");
/**
 * Where the tests of a project of vitest.config.ts may stand; of unit's, the folders of the other two are
 * left out.
 */
const folders = { unit: "tests", manifests: "tests/manifests", acceptance: "tests/acceptance" } as const;
export type Project = keyof typeof folders;
export const projects = Object.keys(folders) as Project[];

export interface Listed {
  readonly file: string;
  readonly name: string;
}

/**
 * What vitest would run of a project. A cluster is named, so that the tests which need one are among them.
 */
function collect(project: Project, tier: Tier, paths: readonly string[] = []): Listed[] {
  const cluster = { DATALAB_TEST_CONTEXT: "listed", DATALAB_TEST_REGISTRY: "listed", ...process.env };
  const args = ["list", ...paths, "--project", project, "--no-static-parse", "--json"];
  const ran = spawnSync(join(root, "node_modules/.bin/vitest"), args, {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 1 << 28,
    env: { ...cluster, DATALAB_TEST_TIER: tier },
  });
  // What the test files print when they are loaded stands before it.
  const start = ran.stdout.search(/^\[$/m);
  if (ran.status !== 0 || start < 0)
    throw new Error(`vitest can't list ${project}:\n${ran.stderr}${ran.stdout}`);
  const tests = JSON.parse(ran.stdout.slice(start)) as Listed[];
  return tests.map(({ file, name }) => ({ file: relative(root, file), name }));
}

/** Does any file of the project speak of tiers? Without one there is nothing to collect. */
function hasTiers(project: Project): boolean {
  const others = projects.filter((name) => name !== project).map((name) => `${folders[name]}/`);
  return globSync(`${folders[project]}/**/*.ts`, { cwd: root })
    .filter(
      (path) =>
        !others.some((folder) => folder.startsWith(`${folders[project]}/`) && path.startsWith(folder)),
    )
    .filter((path) => !/^tests\/(runner|support)\//.test(path))
    .some(
      (path) =>
        path.endsWith(".all.test.ts") || readFileSync(join(root, path), "utf8").includes("onlyInAll("),
    );
}

const key = ({ file, name }: Listed) => `${file}\n${name}`;

/** Tests of a project, or of some of its files, that `--all` alone runs. */
export function onlyInAllOf(project: Project, paths: readonly string[] = []): Listed[] {
  if (!hasTiers(project)) return [];
  const inDefault = new Set(collect(project, "default", paths).map(key));
  return collect(project, "all", paths).filter((test) => !inDefault.has(key(test)));
}

function print(wanted: readonly string[]): void {
  for (const project of projects.filter((name) => wanted.length === 0 || wanted.includes(name))) {
    const all = collect(project, "all");
    const extra = new Set(onlyInAllOf(project).map(key));
    console.log(`${project}: ${all.length - extra.size} tests in both tiers, ${extra.size} in --all alone`);
    for (const file of new Set(all.map((test) => test.file))) {
      const tests = all.filter((test) => test.file === file);
      const inBoth = tests.filter((test) => !extra.has(key(test)));
      if (project === "acceptance" || inBoth.length < tests.length) {
        console.log(`  ${file}: ${inBoth.length} in both, ${tests.length - inBoth.length} in --all alone`);
        for (const test of tests) console.log(`    ${extra.has(key(test)) ? "all " : "both"}  ${test.name}`);
      }
    }
  }
  const others = ["lint", "types", "go", "python"].filter(
    (name) => wanted.length === 0 || wanted.includes(name),
  );
  for (const suite of others) console.log(`${suite}: every check is in both tiers`);
}

if (import.meta.main) {
  const [verb, ...suites] = process.argv.slice(2);
  if (verb === "extra") console.log(onlyInAllOf(suites[0] as Project).length);
  else print(suites);
}
