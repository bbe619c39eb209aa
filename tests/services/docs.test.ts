import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { configReference } from "../../src/reference/config.ts";
import { services } from "../../src/services/index.ts";
import { declare, makeProject } from "../support/project.ts";
import { visits } from "./docs-example.ts";

const repository = resolve(import.meta.dirname, "../..");
const read = (path: string) => readFileSync(join(repository, path), "utf8");

/** The code blocks of a document in a language, without their first line where it is a comment with a path. */
function blocks(document: string, language: string): { path: string; text: string }[] {
  const found = read(document).matchAll(new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\`$`, "gm"));
  return [...found].map(([, text = ""]) => {
    const path = /^(?:#|\/\/) (\S+\.\w+)\n/.exec(text)?.[1] ?? "";
    return { path, text: path === "" ? text : text.slice(text.indexOf("\n") + 1) };
  });
}

describe("docs/config.md", () => {
  test("is current: npm run docs makes it", () => {
    expect(read("docs/config.md")).toBe(configReference());
  });

  test("says of every field what it means", () => {
    const silent = read("docs/config.md")
      .split("\n")
      .filter((line) => /^\| `.*\|\s*\|$/.test(line));
    expect(silent).toEqual([]);
  });

  test("has an example that is right", () => {
    const [example] = blocks("docs/config.md", "yaml");
    const project = makeProject({
      "Pulumi.dev.yaml": example?.text ?? "",
      "pipelines/medallion_etl/pipeline.yaml": "summary: s\nentrypoint: flow.py:f\n",
      "pipelines/medallion_etl/flow.py": "",
    });
    const { model } = declare(project);
    expect(model.pipelines.find((p) => p.name === "medallion_etl")?.schedule).toEqual({
      intervalSeconds: 1800,
    });
    expect(model.services[1]?.workloads[0]?.endpoints[0]?.published).toBe(6432);
  });
});

describe("docs/add-a-service.md", () => {
  const document = "docs/add-a-service.md";

  test("its YAML is a service, configured as it says", () => {
    const files = Object.fromEntries(blocks(document, "yaml").map(({ path, text }) => [path, text]));
    expect(Object.keys(files)).toEqual(["services/visits.yaml", "Pulumi.dev.yaml"]);
    const { model } = declare(makeProject(files));
    const service = model.services.find((s) => s.name === "visits");
    const [main] = service?.workloads ?? [];
    expect(service?.dependsOn).toEqual(["postgres"]);
    expect(main?.memoryBytes).toBe(256 * 2 ** 20);
    expect(main?.waitFor).toEqual([{ workload: "postgres", port: 5432 }]);
    expect(main?.env.TITLE).toEqual({ parts: ["Visits of dev"] });
    expect(main?.env.ADMIN_PASSWORD).toEqual({ parts: [{ ref: "secret", id: "visits/admin" }] });
    expect(main?.endpoints[0]?.login).toEqual({ secret: "visits/admin", user: "admin" });
  });

  test("its TypeScript is the file that is compiled here", () => {
    const example = read("tests/services/docs-example.ts")
      .replaceAll("../../src/model/", "../model/")
      .replace(/^\/\*\* .*example of docs.* \*\/\n/m, "");
    expect(blocks(document, "ts")[0]).toEqual({ path: "src/services/visits.ts", text: example });
  });

  test("its TypeScript is a service", () => {
    const { model } = declare(makeProject({}), "dev", [...services, visits]);
    const service = model.services.find((s) => s.name === "visits");
    expect(service?.workloads[0]?.files["page.json"]).toEqual({
      parts: ['{\n  "title": "Visits",\n  "stack": "dev"\n}'],
    });
    expect(service?.checks.map((c) => c.name)).toEqual(["page", "count"]);
  });

  test("the services that it names as examples are there", () => {
    const files = [...read(document).matchAll(/`([a-z-]+\.ts)`/g)].map(([, file]) => file);
    for (const file of new Set(files)) expect(() => read(`src/services/${file}`)).not.toThrow();
  });
});
