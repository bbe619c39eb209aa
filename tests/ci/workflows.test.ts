import { existsSync, globSync, readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";

const root = resolve(import.meta.dirname, "../..");
const files = globSync(".github/workflows/*.yml", { cwd: root }).sort();

interface Job {
  readonly permissions?: Record<string, string>;
  readonly steps?: readonly {
    readonly uses?: string;
    readonly run?: string;
    readonly with?: Record<string, unknown>;
  }[];
  readonly uses?: string;
  readonly "timeout-minutes"?: number;
}
interface Workflow {
  readonly permissions: unknown;
  readonly jobs: Readonly<Record<string, Job>>;
}
const read = (file: string) => parse(readFileSync(join(root, file), "utf8")) as Workflow;
const stepsOf = (file: string) => Object.values(read(file).jobs).flatMap(({ steps = [] }) => steps);

test("there is a workflow for previews, for deployment, for drift, for restore drills and for the tests of every night", () => {
  expect(files).toEqual(
    ["drift", "nightly", "preview", "restore-drill", "up-stack", "up"].map(
      (name) => `.github/workflows/${name}.yml`,
    ),
  );
});

describe.each(files)("%s", (file) => {
  test("gives no permission by default, and each job only what it needs", () => {
    const { permissions, jobs } = read(file);
    expect(permissions).toEqual({});
    for (const [name, job] of Object.entries(jobs)) {
      const commenting = file.endsWith("/preview.yml") && name === "preview";
      expect(job.permissions).toEqual({ contents: "read", ...(commenting && { "pull-requests": "write" }) });
    }
  });

  test("uses GitHub's own actions alone, by version", () => {
    for (const { uses, with: given } of stepsOf(file).filter((step) => step.uses)) {
      expect(uses).toMatch(/^actions\/[a-z-]+@v\d+$/);
      if (uses?.startsWith("actions/checkout@")) expect(given?.["persist-credentials"]).toBe(false);
    }
  });

  test("runs scripts of this repository, which are there and can be run", () => {
    for (const { run } of stepsOf(file).filter((step) => step.run)) {
      const scripts = [...(run as string).matchAll(/tools\/ci\/[\w-]+\.sh/g)].map(([path]) => path);
      expect(scripts.length).toBeGreaterThan(0);
      for (const path of scripts) expect(statSync(join(root, path)).mode & 0o111).not.toBe(0);
    }
  });

  test("puts nothing of an event into a script: it comes by variables", () => {
    for (const { run } of stepsOf(file)) expect(run ?? "").not.toContain("${{");
  });

  test("calls workflows that are there", () => {
    for (const { uses } of Object.values(read(file).jobs))
      if (uses) expect(existsSync(join(root, uses))).toBe(true);
  });
});

test("GitLab runs the same scripts for the same stacks", () => {
  const jobs = parse(readFileSync(join(root, ".gitlab-ci.yml"), "utf8")) as Record<
    string,
    { script?: string[] }
  >;
  const scripts = Object.values(jobs).flatMap(({ script = [] }) => script);
  const named = new Set(
    scripts.flatMap((line) => [...line.matchAll(/tools\/ci\/[\w-]+\.sh/g)].map(([path]) => path)),
  );
  expect([...named].sort()).toEqual(
    ["comment", "drift", "nightly", "preview", "restore-drill", "up"].map((name) => `tools/ci/${name}.sh`),
  );
  for (const path of named) expect(existsSync(join(root, path))).toBe(true);
});
