import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { describe, expect, onTestFinished, test } from "vitest";
import { parse } from "yaml";
import { whyText } from "../../src/cli/commands/config.ts";
import { upText } from "../../src/cli/commands/up.ts";
import { explain } from "../../src/config/explain.ts";
import type { UpResult } from "../../src/ops/lifecycle/up.ts";
import { configReference } from "../../src/reference/config.ts";
import { services } from "../../src/services/index.ts";
import { describePlatform } from "../../src/targets/describe.ts";
import { Values } from "../../src/targets/values.ts";
import { declare, makeProject } from "../support/project.ts";
import { visits } from "./docs-example.ts";
import { server } from "./visits/server.ts";

const repository = resolve(import.meta.dirname, "../..");
const read = (path: string) => readFileSync(join(repository, path), "utf8");

/**
 * The code blocks of a document in a language, without their first line where it is a comment with a path.
 */
function blocks(document: string, language: string): { path: string; text: string }[] {
  const found = read(document).matchAll(new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\`$`, "gm"));
  return [...found].map(([, text = ""]) => {
    const path = /^(?:#|\/\/) (\S+(?:\.|\/)\w+)\n/.exec(text)?.[1] ?? "";
    return { path, text: path === "" ? text : text.slice(text.indexOf("\n") + 1) };
  });
}

const indented = (text: string): string => text.replace(/^/gm, "    ");
const publicUrl = ({ published, scheme }: { published: number | null; scheme: string }) =>
  published === null ? "" : `${scheme}://127.0.0.1:${published}`;

/**
 * A file with the lines that a diff adds, each after the line before it, which the file must have exactly
 * once.
 */
function added(file: string, diff: string): string {
  const lines = file.split("\n");
  let anchor = "";
  for (const line of diff.trimEnd().split("\n")) {
    if (line.startsWith("+")) {
      expect(
        lines.filter((each) => each === anchor),
        anchor,
      ).toHaveLength(1);
      lines.splice(lines.indexOf(anchor) + 1, 0, line.slice(1));
    }
    anchor = line.slice(1);
  }
  return lines.join("\n");
}

/**
 * Run in a copy of the sources: the services and their images, and whether the image's tag follows its files.
 */
const show = `
import { writeFileSync } from "node:fs";
import { Catalog, requiredImages } from "./src/images/catalog.ts";
import { loadEnvironment } from "./src/config/load.ts";
import { resolvePlatform } from "./src/model/resolve/resolve.ts";
import { services } from "./src/services/index.ts";
const { services: found } = resolvePlatform(loadEnvironment(import.meta.dirname, "dev", services));
const imagesOf = (name) => found.find((s) => s.name === name).workloads.map((w) => w.image);
const tag = new Catalog().tag("hello");
writeFileSync("src/images/hello/index.html".replace(/^/, import.meta.dirname + "/"), "<p>Good morning.</p>");
console.log(JSON.stringify({
  required: requiredImages(["hello"]),
  tag,
  changed: new Catalog().tag("hello") !== tag,
  services: { hello: imagesOf("hello"), visits: imagesOf("visits") },
}));
`;

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
    expect(Object.keys(files)).toEqual(["services/visits.yaml", "Pulumi.dev.yaml", "services/hello.yaml"]);
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

  test("its TypeScript is the file that is compiled here, with the program of its YAML", () => {
    const example = read("tests/services/docs-example.ts")
      .replaceAll("../../src/model/", "../model/")
      .replace(/^\/\*\* .*example of docs.* \*\/\n/m, "");
    expect(blocks(document, "ts")).toEqual([{ path: "src/services/visits.ts", text: example }]);
    const [yaml] = blocks(document, "yaml");
    expect(parse(yaml?.text ?? "").parts.main.files["server.py"]).toBe(server);
  });

  test("its TypeScript is a service", () => {
    const { model } = declare(makeProject({}), "dev", [...services, visits]);
    const service = model.services.find((s) => s.name === "visits");
    expect(service?.workloads[0]?.env.TITLE).toEqual({ parts: ["Visits of dev"] });
    expect(service?.checks.map((c) => c.name)).toEqual(["page", "count"]);
  });

  test("what it shows afterwards is what the commands print", async () => {
    const { environment, model } = declare(makeProject({}), "dev", [...services, visits]);
    expect(read(document)).toContain(
      `\n${indented(whyText(explain(environment, "services.visits.options.title")))}\n`,
    );
    const platform = describePlatform(
      model,
      new Values(model, pulumi.secret("m".repeat(43)), publicUrl, String),
      publicUrl,
    );
    const health = { services: platform.services.map(({ name }) => ({ name, state: "healthy" })) };
    const seconds = { setup: 0, images: 0, engine: 0, readiness: 0, total: 0 };
    const lines = (await upText({ platform, health, seconds } as unknown as UpResult, "")).split("\n");
    for (const start of ["SERVICE ", "visits "]) {
      const line = lines
        .find((text) => text.startsWith(start))
        ?.replace(/ {2,}/g, "  ")
        .trim();
      expect(read(document).replace(/ {2,}/g, "  ")).toContain(` ${line}\n`);
    }
  });

  test("the lines that it adds make a platform with the service, and with an image of its own", () => {
    const root = mkdtempSync(join(tmpdir(), "datalab-docs-"));
    onTestFinished(() => rmSync(root, { recursive: true, force: true }));
    cpSync(join(repository, "src"), join(root, "src"), { recursive: true });
    for (const path of ["node_modules", "pipelines"]) symlinkSync(join(repository, path), join(root, path));
    const put = (path: string, text: string) => {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    };
    put("package.json", '{ "type": "module" }');
    put("Pulumi.dev.yaml", "config:\n  datalab:platform:\n    serviceFiles: [services/hello.yaml]\n");
    put("src/images/hello/index.html", "<p>Hello.</p>\n");
    put("src/services/visits/server.ts", read("tests/services/visits/server.ts"));
    for (const [language, count] of [
      ["ts", 1],
      ["dockerfile", 1],
      ["yaml", 3],
    ] as const) {
      const found = blocks(document, language);
      expect(found).toHaveLength(count);
      for (const { path, text } of found) if (path !== "Pulumi.dev.yaml") put(path, text);
    }
    for (const { path, text } of blocks(document, "diff")) put(path, added(read(path), text));
    put("show.ts", show);
    const ran = spawnSync(process.execPath, [join(root, "show.ts")], { encoding: "utf8" });
    expect(ran.stderr).toBe("");
    expect(JSON.parse(ran.stdout)).toEqual({
      required: ["base", "python", "hello"],
      tag: expect.stringMatching(/^datalab\/hello:[0-9a-f]{16}$/),
      changed: true,
      services: { hello: ["hello"], visits: ["python"] },
    });
  });

  test("the services that it names as examples are there", () => {
    const files = [...read(document).matchAll(/`([a-z-]+\.ts)`/g)].map(([, file]) => file);
    for (const file of new Set(files)) expect(() => read(`src/services/${file}`)).not.toThrow();
  });
});
