import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import packageJson from "../package.json" with { type: "json" };
import lock from "../package-lock.json" with { type: "json" };
import policy from "../policy/package.json" with { type: "json" };
import { services } from "../src/services/index.ts";
import { version } from "../src/version.ts";
import { datalab } from "./cli/process.ts";
import { modelOf } from "./support/project.ts";

const root = resolve(import.meta.dirname, "..");
const packageVersion = packageJson.version;
const read = (path: string) => readFileSync(join(root, path), "utf8");

test("the package's version is a whole one", () => {
  expect(packageVersion).toMatch(/^\d+\.\d+\.\d+$/);
});

test("the program has it from there, and so has `datalab --version`", async () => {
  expect(version()).toBe(packageVersion);
  expect(await datalab(["--version"])).toEqual({ code: 0, stdout: `${packageVersion}\n`, stderr: "" });
});

test("the lock file, the policy pack and the Python package have the same", () => {
  const python = /^version = "(.*)"$/m.exec(read("pipelines/pyproject.toml"))?.[1];
  expect([lock.version, lock.packages[""].version, policy.version, python]).toEqual(
    Array(4).fill(packageVersion),
  );
});

test("services of DataLab's own carry it in the model, and so in every release record", () => {
  const own = modelOf("{}", "dev", services).services.filter(({ name }) => ["agent", "core"].includes(name));
  expect(own.map((service) => [service.name, service.version]).sort()).toEqual([
    ["agent", packageVersion],
    ["core", packageVersion],
  ]);
});

test("the changelog begins with it", () => {
  const [first] = [...read("CHANGELOG.md").matchAll(/^## (\S+)/gm)].map(([, name]) => name);
  expect(first).toBe(packageVersion);
});

test("the README speaks of no other", () => {
  const named = [...read("README.md").matchAll(/\bversion (\d+\.\d+(?:\.\d+)?)\b/gi)].map(([, name]) => name);
  expect(named.length).toBeGreaterThan(0);
  const short = packageVersion.split(".").slice(0, 2).join(".");
  expect(named.filter((name) => name !== packageVersion && name !== short)).toEqual([]);
});
