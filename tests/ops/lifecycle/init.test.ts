import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadEnvironment } from "../../../src/config/load.ts";
import { ConfigError } from "../../../src/errors.ts";
import { initPlatform } from "../../../src/ops/lifecycle/init.ts";
import { services } from "../../../src/services/index.ts";
import { makeProject } from "../../support/project.ts";
import { standInPulumi } from "../stand-in-stack.ts";

const master = "config:\n  datalab:masterSecret: { secure: v1:abc }\n";
const read = (project: string) => readFileSync(join(project, "Pulumi.team-a.yaml"), "utf8");
const presetIn = (project: string) => loadEnvironment(project, "team-a", services).config.preset;

test("a stack is made with a file that says nothing of a preset", async () => {
  standInPulumi({ stacks: [] });
  const project = makeProject({});
  const file = join(project, "Pulumi.team-a.yaml");
  expect(await initPlatform(project, "team-a")).toEqual({
    stack: "team-a",
    file,
    created: true,
    preset: null,
  });
  expect(read(project)).toContain("\nconfig:\n  datalab:platform: {}\n#   datalab:platform:\n");
  expect(presetIn(project)).toBe("full");
});

test("a preset is one line of the new file", async () => {
  const pulumi = standInPulumi({ stacks: [] });
  const project = makeProject({});
  const result = await initPlatform(project, "team-a", "lake");
  expect(result).toMatchObject({ created: true, preset: "lake" });
  expect(read(project)).toContain(
    "\nconfig:\n  datalab:platform:\n    preset: lake\n#   datalab:platform:\n",
  );
  expect(presetIn(project)).toBe("lake");
  expect(pulumi.calls().map((call) => call.slice(0, 2))).toEqual([
    ["stack", "export"],
    ["stack", "init"],
    ["config", "set"],
    ["config", "set"],
  ]);
});

test("in a file that exists the preset alone is set; everything else stays as it was", async () => {
  standInPulumi({ stacks: ["team-a"] });
  const before = `# ours\n${master}  datalab:platform:\n    portOffset: 100 # beside dev\n    preset: full\n`;
  const project = makeProject({ "Pulumi.team-a.yaml": before });
  expect(await initPlatform(project, "team-a", "analytics")).toMatchObject({
    created: false,
    preset: "analytics",
  });
  expect(read(project)).toBe(before.replace("preset: full", "preset: analytics"));
});

test("a file that exists is not touched where no preset is given", async () => {
  standInPulumi({ stacks: ["team-a"] });
  const before = `${master}  datalab:platform:\n    preset: lake\n`;
  const project = makeProject({ "Pulumi.team-a.yaml": before });
  expect(await initPlatform(project, "team-a")).toMatchObject({ created: false, preset: null });
  expect(read(project)).toBe(before);
});

test("a preset without what the file enables is refused, and the file stays as it was", async () => {
  const pulumi = standInPulumi({ stacks: ["team-a"] });
  const before = `${master}  datalab:platform:\n    services:\n      grafana: { enabled: true }\n`;
  const project = makeProject({ "Pulumi.team-a.yaml": before });
  const refused = await initPlatform(project, "team-a", "lake").catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(ConfigError);
  expect((refused as ConfigError).message).toContain("prometheus is disabled");
  expect(read(project)).toBe(before);
  expect(pulumi.calls()).toEqual([]);
});
