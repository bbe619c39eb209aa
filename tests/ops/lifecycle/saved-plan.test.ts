import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { checkPlan, sealFile, sealPlan } from "../../../src/ops/lifecycle/saved-plan.ts";
import { standIn } from "../../support/programs.ts";
import { declare, makeProject, platformYaml } from "../../support/project.ts";

const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const yaml = (more = "", core = "a") =>
  platformYaml(`
  images:
    source: registry
    registry: registry.example.com/lab
    digests: { ${["core", "services", "pipelines", "python"].map((n) => `${n}: "${digest(n === "core" ? core : "b")}"`).join(", ")} }
${more}`);

let state = "";
beforeEach(() => {
  const folder = standIn("pulumi", `console.log(readFileSync(folder + "/state", "utf8"));`);
  state = join(folder, "state");
  write({ image: "a" });
});
const write = (inputs: object, time = "2026-01-31T12:00:00Z") =>
  writeFileSync(
    state,
    JSON.stringify({
      deployment: {
        manifest: { time },
        resources: [{ urn: "u::core", id: "1", inputs, outputs: {}, modified: time }],
      },
    }),
  );

async function sealed() {
  const project = makeProject({ "Pulumi.dev.yaml": yaml() });
  const plan = join(project, "plan.json");
  writeFileSync(plan, "{}");
  const seal = await sealPlan(project, declare(project).model, plan, new Date("2026-01-31T12:00:00Z"));
  return { project, plan, seal };
}
const check = (project: string, plan: string) => checkPlan(project, declare(project).model, plan);

test("a plan is sealed beside it, for nobody else to read, and good while nothing has moved", async () => {
  const { project, plan, seal } = await sealed();
  expect(JSON.parse(readFileSync(sealFile(plan), "utf8"))).toEqual(seal);
  expect(seal).toMatchObject({ format: 1, stack: "dev", at: "2026-01-31T12:00:00.000Z" });
  expect(statSync(sealFile(plan)).mode & 0o777).toBe(0o600);
  expect(await check(project, plan)).toBe(plan);
  // An update that changed nothing writes other times into the state.
  write({ image: "a" }, "2026-01-31T13:00:00Z");
  expect(await check(project, plan)).toBe(plan);
});

const moved = (plan: string, ...why: string[]) => ({
  code: "E_PLAN",
  exitCode: 2,
  message: `${plan} was made at 2026-01-31T12:00:00.000Z and is outdated:\n${why.map((line) => `    ${line}`).join("\n")}`,
  hint: "Nothing was changed. Make a new one: ./datalab preview --save-plan FILE",
});

test("it is refused when another update has changed the stack", async () => {
  const { project, plan } = await sealed();
  write({ image: "b" });
  await expect(check(project, plan)).rejects.toMatchObject(
    moved(plan, "the stack was changed by another update"),
  );
});

test("it is refused when the configuration was changed", async () => {
  const { project, plan } = await sealed();
  writeFileSync(join(project, "Pulumi.dev.yaml"), yaml("  portOffset: 1\n"));
  const why = "the configuration, a service file or a pipeline was changed";
  await expect(check(project, plan)).rejects.toMatchObject(moved(plan, why));
});

test("it is refused when a pipeline was changed", async () => {
  const { project, plan } = await sealed();
  writeFileSync(join(project, "pipelines/hello/flow.py"), "def hello():\n    return 2\n");
  const why = "the configuration, a service file or a pipeline was changed";
  await expect(check(project, plan)).rejects.toMatchObject(moved(plan, why));
});

test("everything that has moved is said at once", async () => {
  const { project, plan } = await sealed();
  write({ image: "b" });
  writeFileSync(join(project, "Pulumi.dev.yaml"), yaml("", "c"));
  await expect(check(project, plan)).rejects.toMatchObject(
    moved(
      plan,
      "the stack was changed by another update",
      "the configuration, a service file or a pipeline was changed",
      "images were rebuilt or selected differently",
    ),
  );
});

test("a plan without its seal, of another stack, or another plan, is refused", async () => {
  const { project, plan } = await sealed();
  await expect(check(project, join(project, "none.json"))).rejects.toMatchObject({ code: "E_PLAN" });
  const seal = JSON.parse(readFileSync(sealFile(plan), "utf8"));
  writeFileSync(sealFile(plan), JSON.stringify({ ...seal, stack: "prod" }));
  await expect(check(project, plan)).rejects.toMatchObject({
    message: `${plan} is a plan for the stack prod, not for dev.`,
  });
  writeFileSync(sealFile(plan), JSON.stringify(seal));
  writeFileSync(plan, '{"other":1}');
  await expect(check(project, plan)).rejects.toMatchObject({
    message: `${plan} is not the plan that ${sealFile(plan)} was written for.`,
  });
});
