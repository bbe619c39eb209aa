import { createHash } from "node:crypto";
import { existsSync, globSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { ConfigError, type Problem } from "../errors.ts";
import type { PipelineModel } from "../model/platform.ts";
import { parseCpu, parseDuration, parseSize } from "../model/units.ts";
import { didYouMean } from "../nearest.ts";
import { readDocument } from "./document.ts";
import { type PipelineFile, type PipelineOverride, pipelineFile } from "./pipeline.ts";
import { check } from "./problems.ts";
import { sharedTables } from "./table-owners.ts";

const fileNames = ["pipeline.yaml", "pipeline.yml", "pipeline.json"];
const namePattern = /^[a-z][a-z0-9_-]{0,62}$/;

/** `pipelines` of a configuration. */
export interface PipelinesConfig {
  readonly only?: readonly string[] | undefined;
  readonly overrides: Readonly<Record<string, PipelineOverride>>;
}

/**
 * Reads every folder with a pipeline.yaml, pipeline.yml or pipeline.json. Throws one ConfigError with all
 * their problems.
 */
export function readPipelines(
  project: string,
  config: PipelinesConfig,
  locate: (path: readonly (string | number)[]) => string,
): PipelineModel[] {
  const folder = join(project, "pipelines");
  const problems: Problem[] = [];
  const entries = existsSync(folder) ? readdirSync(folder, { withFileTypes: true }) : [];
  const found = entries
    .filter((entry) => entry.isDirectory() && fileNames.some((f) => existsSync(join(folder, entry.name, f))))
    .map((entry) => entry.name)
    .sort();

  const mustExist = (names: readonly string[], at: (i: number, name: string) => (string | number)[]) => {
    for (const [i, name] of names.entries()) {
      if (found.includes(name)) continue;
      problems.push({
        path: at(i, name),
        message: `expected ${found.length > 0 ? `one of the pipelines ${found.join(", ")}` : "a folder in pipelines, which has none"}, received ${JSON.stringify(name)}`,
        at: locate(at(i, name)),
        ...didYouMean(name, found),
      });
    }
  };
  mustExist(config.only ?? [], (i) => ["pipelines", "only", i]);
  mustExist(Object.keys(config.overrides), (_, name) => ["pipelines", "overrides", name]);

  const pipelines: PipelineModel[] = [];
  for (const name of found) {
    if (config.only && !config.only.includes(name)) continue;
    try {
      const override = Object.hasOwn(config.overrides, name) ? (config.overrides[name] ?? {}) : {};
      pipelines.push(readPipeline(project, join(folder, name), name, override));
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      problems.push(...error.problems);
    }
  }
  const wanted = found.filter((name) => config.only?.includes(name) ?? true);
  problems.push(...sharedTables(folder, relative(project, folder), wanted));
  if (problems.length > 0) throw new ConfigError(problems);
  return pipelines;
}

function readPipeline(
  project: string,
  folder: string,
  name: string,
  override: PipelineOverride,
): PipelineModel {
  const present = fileNames.filter((f) => existsSync(join(folder, f)));
  const shown = relative(project, folder);
  if (!namePattern.test(name)) {
    throw new ConfigError([
      {
        path: [],
        message: `${shown}: expected a folder name of lower case letters, digits, _ and -, received ${JSON.stringify(name)}`,
      },
    ]);
  }
  if (present.length > 1) {
    throw new ConfigError([
      { path: [], message: `${shown}: expected one definition, received ${present.join(" and ")}` },
    ]);
  }
  const document = readDocument(project, join(folder, present[0] as string));
  const result = check(pipelineFile, document.value ?? {});
  if (!result.ok) {
    throw new ConfigError(result.problems.map((p) => ({ ...p, at: document.locate(p.path) })));
  }
  const problems: Problem[] = [];
  const at = (key: string, message: string) =>
    problems.push({ path: [key], message, at: document.locate([key]) });
  if (result.value.name !== undefined && result.value.name !== name) {
    at(
      "name",
      `expected the folder's name ${JSON.stringify(name)}, received ${JSON.stringify(result.value.name)}`,
    );
  }
  const file = result.value.entrypoint.split(":")[0] as string;
  if (relative(folder, resolve(folder, file)).startsWith("..")) {
    at("entrypoint", `expected a file in ${shown}, received ${JSON.stringify(file)}, which is outside`);
  } else if (!statSync(join(folder, file), { throwIfNoEntry: false })?.isFile()) {
    at("entrypoint", `expected a file in ${shown}, received ${JSON.stringify(file)}, which does not exist`);
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return normalise(name, folder, result.value, override);
}

function normalise(
  name: string,
  folder: string,
  file: PipelineFile,
  override: PipelineOverride,
): PipelineModel {
  const given = Object.fromEntries(Object.entries(override).filter(([, value]) => value !== undefined));
  const merged: PipelineFile = {
    ...file,
    ...given,
    parameters: { ...file.parameters, ...override.parameters },
  };
  const { retries } = merged;
  const definition = {
    name,
    summary: file.summary,
    entrypoint: file.entrypoint,
    schedule: merged.schedule && scheduleOf(merged.schedule),
    retries: {
      count: retries.count,
      delaySeconds: parseDuration(retries.delay),
      backoff: retries.backoff,
      maxDelaySeconds: parseDuration(retries.maxDelay),
    },
    timeoutSeconds: merged.timeout === undefined ? null : parseDuration(merged.timeout),
    priority: merged.priority,
    concurrency: merged.concurrency ?? null,
    parameters: merged.parameters,
    tags: file.tags,
    paused: merged.paused,
  };
  const freshness = Object.fromEntries(
    Object.entries(merged.freshness).map(([table, limit]) => [table, parseDuration(limit)]),
  );
  return {
    ...definition,
    freshness,
    ...(file.report && { report: true as const }),
    ...(merged.resources && { resources: sizeOf(merged.resources) }),
    version: contentHash(folder, definition),
  };
}

/** The default is left out: it is no difference between two versions. */
function scheduleOf({
  catchUp,
  ...schedule
}: NonNullable<PipelineFile["schedule"]>): NonNullable<PipelineModel["schedule"]> {
  return {
    ...("every" in schedule ? { intervalSeconds: parseDuration(schedule.every) } : schedule),
    ...(catchUp !== "one" && { catchUp }),
  };
}

const sizeOf = ({ memory, cpu }: NonNullable<PipelineFile["resources"]>) => ({
  ...(memory !== undefined && { memoryBytes: parseSize(memory) }),
  ...(cpu !== undefined && { milliCpu: parseCpu(cpu) }),
});

/**
 * 16 hex digits over every file of the folder and the normalised definition; Python's caches do not count.
 */
function contentHash(folder: string, definition: unknown): string {
  const hash = createHash("sha256").update(JSON.stringify(definition));
  const files = globSync("**/*", { cwd: folder, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .filter((file) => !/(^|\/)(__pycache__|\.[^/]*)(\/|$)/.test(file))
    .sort();
  for (const file of files) {
    hash.update(`\0${file}\0`).update(
      createHash("sha256")
        .update(readFileSync(join(folder, file)))
        .digest(),
    );
  }
  return hash.digest("hex").slice(0, 16);
}
