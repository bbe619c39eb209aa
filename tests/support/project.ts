import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import { loadEnvironment } from "../../src/config/load.ts";
import { ConfigError } from "../../src/errors.ts";
import type { Environment } from "../../src/model/environment.ts";
import type { PlatformModel } from "../../src/model/platform.ts";
import { checkPolicy } from "../../src/model/resolve/policy.ts";
import { resolvePlatform } from "../../src/model/resolve/resolve.ts";
import type { ServiceDefinition } from "../../src/model/service.ts";
import { core } from "../../src/services/core.ts";
import { objectStore } from "../../src/services/object-store.ts";
import { postgres } from "../../src/services/postgres.ts";
import { prefect } from "../../src/services/prefect.ts";

/**
 * The services that the others stand on. Tests of the machinery use these, so that a new service changes none
 * of them.
 */
export const foundation: readonly ServiceDefinition[] = [core, postgres, objectStore, prefect].map(alone);

/** A service without what it can do without: those who answer it are not declared here. */
function alone(service: ServiceDefinition): ServiceDefinition {
  const needs = Object.entries(service.needs).filter(([, need]) => !("optional" in need && need.optional));
  return { ...service, needs: Object.fromEntries(needs) };
}

export type Files = Readonly<Record<string, string>>;

/** A pipeline that is right. */
export const goodPipeline: Files = {
  "pipelines/hello/pipeline.yaml": "summary: Says hello.\nentrypoint: flow.py:hello\n",
  "pipelines/hello/flow.py": "def hello():\n    pass\n",
};

/** Writes files to a project folder of the running test's own, with one pipeline unless `bare`. */
export function makeProject(files: Files, options: { bare?: boolean } = {}): string {
  const root = writeProject(options.bare ? files : { ...goodPipeline, ...files });
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  return root;
}

function writeProject(files: Files): string {
  const root = mkdtempSync(join(tmpdir(), "datalab-project-"));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

/**
 * The model of a project with one pipeline, this platform object and these lines beside it; nothing of the
 * project stays.
 */
export function modelOf(yaml = "", stack = "dev", known = foundation, beside = ""): PlatformModel {
  const file = yaml && `${platformYaml(yaml)}${beside}`;
  const root = writeProject({ ...goodPipeline, [`Pulumi.${stack}.yaml`]: file });
  try {
    return declare(root, stack, known).model;
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/** The file Pulumi.dev.yaml with this text as the platform object, from line 3 on. */
export function platformYaml(text: string): string {
  const body = text.replace(/^\n|\n *$/g, "");
  const indent = /^ */.exec(body)?.[0] ?? "";
  return `config:\n  datalab:platform:\n${body.replaceAll(new RegExp(`^${indent}`, "gm"), "    ")}\n`;
}

/** What `datalab` declares for a stack of a project: read, resolved and checked against the policy. */
export function declare(
  project: string,
  stack = "dev",
  known: readonly ServiceDefinition[] = foundation,
): { environment: Environment; model: PlatformModel } {
  const environment = loadEnvironment(project, stack, known);
  const model = resolvePlatform(environment);
  checkPolicy(model);
  return { environment, model };
}

/** All that is wrong with a project, as people read it. Fails the test when nothing is. */
export function errorText(project: string, stack = "dev"): string {
  return configError(project, stack).message;
}

export function configError(project: string, stack = "dev"): ConfigError {
  try {
    declare(project, stack);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error("the configuration was taken, an error was expected");
}

/** Every file under a folder with its content: equal before and after when nothing was touched. */
export function treeOf(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).map((entry) => {
    const path = join(entry.parentPath, entry.name);
    return [path, entry.isFile() ? readFileSync(path, "base64") : "folder"] as const;
  });
  return Object.fromEntries(files);
}
