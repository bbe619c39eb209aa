import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  Catalog,
  imageNames,
  imageTag,
  platformImages,
  requiredImages,
  UnknownImageError,
} from "../../src/images/catalog.ts";
import { imagesOf } from "../../src/model/images.ts";
import { services } from "../../src/services/index.ts";
import { modelOf } from "../support/project.ts";
import { Project } from "./project.ts";

function tags(project: Project): Record<string, string> {
  const catalog = new Catalog(project.root);
  return Object.fromEntries(imageNames.map((name) => [name, catalog.tag(name)]));
}

/** The images whose tag differs after `change`. */
function changedBy(change: (project: Project) => void): string[] {
  const project = new Project();
  const before = tags(project);
  change(project);
  const after = tags(project);
  return imageNames.filter((name) => before[name] !== after[name]);
}

/** The named images and whatever is built from them, in the catalog's order. */
function from(...names: string[]): string[] {
  return imageNames.filter((name) => requiredImages([name]).some((required) => names.includes(required)));
}

test("set-up builds what the default stack runs", () => {
  expect(platformImages.toSorted()).toEqual(imagesOf(modelOf("", "dev", services)).toSorted());
});

describe("a tag", () => {
  test("is the image's name and 16 hex digits", () => {
    for (const name of imageNames)
      expect(imageTag(name)).toMatch(new RegExp(`^datalab/${name}:[0-9a-f]{16}$`));
  });

  test("is the same in another folder with the same files", () => {
    expect(tags(new Project())).toEqual(tags(new Project()));
  });

  test.each<[string, (project: Project) => void, string[]]>([
    ["the base's recipe", (p) => p.write("src/images/base/datalab-start", "#!/bin/bash\n"), [...imageNames]],
    ["the Python lock", (p) => p.write("pipelines/requirements.lock", "one==2\n"), from("python")],
    ["the library", (p) => p.write("pipelines/datalab/lake.py", "x = 1\n"), from("python")],
    [
      "a file of a room of the library",
      (p) => p.write("pipelines/datalab/a/b.py", "x = 1\n"),
      from("python"),
    ],
    ["a service's own Python", (p) => p.write("src/services/store/server.py", "x = 1\n"), from("python")],
    ["Spark's recipe", (p) => p.write("src/images/spark/java.args", "-cp x\n"), from("spark")],
    ["a pipeline", (p) => p.write("pipelines/sales/flow.py", "x = 1\n"), ["pipelines", "test"]],
    ["a new pipeline", (p) => p.write("pipelines/new/pipeline.json", "{}"), ["pipelines", "test"]],
    ["a Python test", (p) => p.write("pipelines/tests/test_sales.py", "x = 1\n"), ["test"]],
    ["a file the core imports", (p) => p.write("src/core/a.ts", "export const a = 1;\n"), ["core"]],
    [
      "a package the core imports",
      (p) => p.lockPackages({ zod: "4.0.1", esbuild: "0.1.0", other: "1.0.0" }),
      ["core"],
    ],
  ])("changes with %s, for what is built from it only", (_, change, expected) => {
    expect(changedBy(change)).toEqual(expected);
  });

  test.each<[string, (project: Project) => void]>([
    ["byte code", (p) => p.write("pipelines/datalab/__pycache__/lake.cpython-311.pyc", "x")],
    ["a hidden file", (p) => p.write("pipelines/sales/.draft.swp", "x")],
    ["a folder without a definition", (p) => p.write("pipelines/notes/readme.txt", "x")],
    ["a file the core imports only types from", (p) => p.write("src/core/b.ts", "export type B = 1;\n")],
    ["another package", (p) => p.lockPackages({ zod: "4.0.0", esbuild: "0.1.0", other: "2.0.0" })],
    ["a service's TypeScript", (p) => p.write("src/services/store/dump.ts", "x")],
    ["documentation", (p) => p.write("docs/setup.md", "x")],
  ])("does not change with %s", (_, change) => {
    expect(changedBy(change)).toEqual([]);
  });

  test.each<[string, string[]]>([
    ["node", ["core"]],
    ["postgresql", from("services")],
    ["uv", from("python")],
    ["spark", from("spark")],
    ["debian", [...imageNames]],
    ["pulumi", []],
  ])("changes with the lock's entry %s, for the images that use it only", (key, expected) => {
    const change = (project: Project) => {
      const lock = JSON.parse(readFileSync(join(project.root, "src/images/lock.json"), "utf8"));
      project.write("src/images/lock.json", JSON.stringify({ ...lock, [key]: { ...lock[key], extra: "1" } }));
    };
    const changed = changedBy(change);
    expect(changed).toEqual(expected);
  });
});

test("a tag changes with the version of a program that is compiled into the image", () => {
  const change = (project: Project) => {
    const lock = JSON.parse(readFileSync(join(project.root, "src/images/lock.json"), "utf8"));
    lock.programs.minio.version = "v1.0.0";
    project.write("src/images/lock.json", JSON.stringify(lock));
  };
  expect(changedBy(change)).toEqual(from("services"));
});

describe("the build order", () => {
  test("puts every image after what it is built from", () => {
    expect(requiredImages(["test"])).toEqual(["base", "python", "pipelines", "services", "test"]);
  });

  test("names each image once", () => {
    expect(requiredImages(["core", "services", "core"])).toEqual(["base", "core", "services"]);
  });

  test("refuses a name that does not exist and lists those that do", () => {
    expect(() => requiredImages(["hadoop"])).toThrow(UnknownImageError);
    expect(() => imageTag("hadoop")).toThrow(/^There is no image "hadoop"\.$/);
  });
});

test("all tags are computed fast enough for every preview", () => {
  const started = performance.now();
  tags(new Project());
  expect(performance.now() - started).toBeLessThan(500);
});
