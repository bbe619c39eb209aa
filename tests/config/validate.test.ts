import { execFile } from "node:child_process";
import { cpSync, symlinkSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { services } from "../../src/services/index.ts";
import { type Files, goodPipeline, makeProject, platformYaml, treeOf } from "../support/project.ts";

const repository = resolve(import.meta.dirname, "../..");
const enabled = services.filter((s) => s.enabledByDefault !== false).length;

/** `datalab config validate` in a project of its own: the program works on the project that it lies in. */
async function validate(files: Files, ...args: string[]) {
  const inProject = Object.entries({ ...goodPipeline, ...files }).map(([path, text]) => [
    `project/${path}`,
    text,
  ]);
  const root = makeProject(Object.fromEntries(inProject), { bare: true });
  const project = join(root, "project");
  for (const path of ["src", "package.json"]) {
    cpSync(join(repository, path), join(project, path), { recursive: true });
  }
  symlinkSync(join(repository, "node_modules"), join(root, "node_modules"));
  const before = treeOf(project);
  const ran = await new Promise<{ code: number; stdout: string; stderr: string }>((done) => {
    execFile(
      process.execPath,
      [join(project, "src/cli/main.ts"), "config", "validate", ...args],
      { env: { PATH: "/nowhere", HOME: join(root, "home"), XDG_CACHE_HOME: join(root, "cache") } },
      (error, stdout, stderr) =>
        done({ code: typeof error?.code === "number" ? error.code : 0, stdout, stderr }),
    );
  });
  return { ...ran, touched: JSON.stringify(treeOf(project)) !== JSON.stringify(before) };
}

test("a configuration that is right exits 0 and touches nothing", async () => {
  expect(await validate({})).toEqual({
    code: 0,
    stdout: `Pulumi.dev.yaml is valid: ${enabled} services, 1 pipeline.\n`,
    stderr: "",
    touched: false,
  });
});

test("a wrong one exits 2, says everything on stderr and touches nothing, with no Docker and no Pulumi in reach", async () => {
  const yaml = platformYaml("taget: docker\nportOffset: -1");
  expect(await validate({ "Pulumi.dev.yaml": yaml })).toEqual({
    code: 2,
    stdout: "",
    stderr: [
      '✖ taget: expected one of target, preset, portOffset, images, data, budget, kubernetes, aws, external, services, serviceFiles, pipelines, secrets, backup, promotion, protect, promoted, received the unknown key "taget"',
      "  → Pulumi.dev.yaml:3:5",
      "  Did you mean target?",
      "✖ portOffset: expected a whole number from 0 to 50000, received -1",
      "  → Pulumi.dev.yaml:4:5",
      "",
    ].join("\n"),
    touched: false,
  });
});

test("with --json the problems are data", async () => {
  const ran = await validate({ "Pulumi.dev.yaml": platformYaml("portOffset: x") }, "--json");
  expect([ran.code, ran.touched]).toEqual([2, false]);
  expect(JSON.parse(ran.stdout).error).toMatchObject({
    code: "E_CONFIG",
    problems: [
      {
        path: ["portOffset"],
        message: 'expected a whole number from 0 to 50000, received "x"',
        at: "Pulumi.dev.yaml:3:5",
      },
    ],
  });
});

test("another stack is validated by its own file", async () => {
  const ran = await validate(
    {
      "Pulumi.dev.yaml": "- broken",
      "Pulumi.prod.yaml": platformYaml(
        'target: aws\naws: { accountId: "123456789012", region: eu-central-1 }\nimages: { source: registry }\nkubernetes: { ingress: { host: "lab.example.com" } }',
      ),
    },
    "-s",
    "prod",
  );
  expect([ran.code, ran.stdout]).toEqual([
    0,
    `Pulumi.prod.yaml is valid: ${enabled} services, 1 pipeline.\n`,
  ]);
});
