import { describe, expect, test } from "vitest";
import { explain } from "../../src/config/explain.ts";
import { presetNames, presets } from "../../src/config/presets.ts";
import { configDiff, configDiffText } from "../../src/ops/release/config-diff.ts";
import { services } from "../../src/services/index.ts";
import { declare, type Files, makeProject, modelOf, platformYaml } from "../support/project.ts";
import { notes } from "./cases.ts";

const lake = ["core", "dashboard", "gateway", "object-store", "postgres", "prefect"];
const analytics = [...lake, "agent", "jupyterhub", "logs", "mlflow"].sort();
const full = [
  ...analytics,
  ...["alertmanager", "blackbox-exporter", "node-exporter", "postgres-exporter", "prometheus", "spark"],
].sort();

const model = (yaml: string) => modelOf(yaml, "dev", services);
const namesOf = (yaml: string) =>
  model(yaml)
    .services.map(({ name }) => name)
    .sort();
const environment = (yaml: string, files: Files = {}) =>
  declare(makeProject({ "Pulumi.dev.yaml": platformYaml(yaml), ...files }), "dev", services).environment;

describe("what a stack consists of", () => {
  test.each([
    ["preset: lake", lake],
    ["preset: analytics", analytics],
    ["preset: full", full],
    ["{}", full],
  ])("%s", (yaml, names) => {
    expect(namesOf(yaml)).toEqual(names);
  });

  test("a service is added to a preset, and taken out of one", () => {
    const yaml = "preset: lake\nservices:\n  spark: { enabled: true }\n  dashboard: { enabled: false }";
    expect(namesOf(yaml)).toEqual([...lake.filter((name) => name !== "dashboard"), "spark"].sort());
  });

  test("a service of the team's own is in no preset, and stays", () => {
    const yaml = "preset: lake\nserviceFiles: [notes.yaml]";
    expect(environment(yaml, { "notes.yaml": notes }).config.services).toMatchObject({
      notes: { enabled: true },
      spark: { enabled: false },
      grafana: { enabled: false },
    });
  });

  test("runs in a cluster as well", () => {
    const yaml = `preset: lake
target: kubernetes
images: { source: registry }
kubernetes: { context: lab, ingress: { host: lab.example.com } }`;
    expect(namesOf(yaml)).toEqual(lake);
  });
});

describe("what set-up reads of a preset", () => {
  test.each(presetNames)("%s names the services that it has, and their images", (name) => {
    const { services: listed, images } = presets[name];
    const { services: resolved } = model(`preset: ${name}`);
    const used = resolved.flatMap(({ workloads }) => workloads.map(({ image }) => image));
    if (listed) expect([...listed].sort()).toEqual(resolved.map((s) => s.name).sort());
    if (listed || images) expect(images).toEqual([...new Set(used)].sort());
  });

  test("full names neither: it has everything that is enabled by default", () => {
    expect(Object.keys(presets.full)).toEqual(["restMiB", "workMiB"]);
  });

  test("memory that a stack promises to keep to is the preset's", () => {
    for (const name of presetNames) {
      expect(environment(`preset: ${name}`).config.budget.memory).toBe(`${presets[name].restMiB}Mi`);
    }
    expect(environment("preset: lake\nbudget: { memory: 3Gi }").config.budget.memory).toBe("3Gi");
  });
});

describe("where a value comes from", () => {
  const why = (path: string) => {
    const {
      value,
      at,
      preset,
      default: fallback,
    } = explain(environment("preset: lake\nservices:\n  mlflow:\n    enabled: true"), path);
    return { value, at, preset, fallback };
  };

  test("a service that the preset has not got", () => {
    const found = { value: false, at: "Pulumi.dev.yaml:3:5", preset: "lake", fallback: true };
    expect(why("services.spark.enabled")).toEqual(found);
  });

  test("a service that the file enables", () => {
    const found = { value: true, at: "Pulumi.dev.yaml:6:9", preset: null, fallback: true };
    expect(why("services.mlflow.enabled")).toEqual(found);
  });

  test("a service that the preset has, and one that is always off by default", () => {
    expect(why("services.prefect.enabled")).toEqual({ value: true, at: null, preset: null, fallback: true });
    expect(why("services.grafana.enabled")).toEqual({
      value: false,
      at: null,
      preset: null,
      fallback: false,
    });
  });

  test("the budget", () => {
    expect(why("budget.memory")).toEqual({
      value: `${presets.lake.restMiB}Mi`,
      at: "Pulumi.dev.yaml:3:5",
      preset: "lake",
      fallback: `${presets.full.restMiB}Mi`,
    });
  });

  test("two stacks of different presets differ in what is the environment's own, and in no accident", () => {
    const files = ["dev", "staging", "prod"].map((stack) => [
      `Pulumi.${stack}.yaml`,
      platformYaml(stack === "dev" ? "preset: analytics" : "{}"),
    ]);
    const diff = configDiff(makeProject(Object.fromEntries(files)), "dev", "prod", services);
    expect(diff.differences.map(({ path, owner, accident }) => [path, owner, accident])).toEqual([
      ["preset", "sizes", null],
      ["budget.memory", "budget", null],
      ...services
        .filter(({ name }) => full.includes(name) && !analytics.includes(name))
        .map(({ name }) => [`services.${name}.enabled`, "sizes", null]),
    ]);
    expect(configDiffText(diff)).toContain(`  services.spark.enabled (sizes)
    dev   false  Pulumi.dev.yaml:3:5
    prod  true   default`);
  });
});
