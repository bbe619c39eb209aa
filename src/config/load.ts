import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { PipelineModel } from "../model/platform.ts";
import type { ServiceDefinition } from "../model/service.ts";
import { parseSource, readDocument, type SourceDocument } from "./document.ts";
import { ConfigError, type Problem } from "./error.ts";
import { readPipelines } from "./pipelines.ts";
import { check, nearest } from "./problems.ts";
import { type PlatformConfig, platformSchema } from "./schema.ts";
import { readServiceFile } from "./service-file.ts";

/** A stack's configuration, complete and checked: what the model is resolved from. */
export interface Environment {
  readonly stack: string;
  readonly config: PlatformConfig;
  readonly services: readonly ServiceDefinition[];
  readonly pipelines: readonly PipelineModel[];
  /** `file:line:col` of a config path, or of its nearest ancestor. */
  locate(path: readonly (string | number)[]): string;
  /** `file:line:col` where a value is set; undefined: it is a default. */
  find(path: readonly (string | number)[]): string | undefined;
}

const platformKey = "datalab:platform";
const ownKeys = [platformKey, "datalab:masterSecret"];
const prefix = ["config", platformKey] as const;

export const stackFile = (project: string, stack: string): string => join(project, `Pulumi.${stack}.yaml`);

/**
 * Reads Pulumi.<stack>.yaml, the service files and the pipelines that it names. Throws one ConfigError with everything
 * that is wrong. A missing file is an empty configuration, as it is for Pulumi.
 */
export function loadEnvironment(
  project: string,
  stack: string,
  builtIn: readonly ServiceDefinition[],
): Environment {
  if (!/^[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?$/.test(stack)) {
    throw new ConfigError([
      {
        path: [],
        message: `stack: expected a name of at most 40 lower case letters, digits and -, received ${JSON.stringify(stack)}`,
      },
    ]);
  }
  const path = stackFile(project, stack);
  const document = existsSync(path) ? readDocument(project, path) : parseSource(`Pulumi.${stack}.yaml`, "");
  const problems: Problem[] = checkFile(document);

  const raw = rawPlatform(document);
  const services = [...builtIn];
  const files = (raw as { serviceFiles?: unknown })?.serviceFiles;
  for (const [i, file] of (Array.isArray(files) ? files : []).entries()) {
    if (typeof file !== "string") continue; // the schema says so
    try {
      const service = readServiceFile(project, resolve(project, file));
      if (services.some((s) => s.name === service.name)) {
        problems.push({
          path: ["serviceFiles", i],
          message: `expected a service with a name of its own, received a second ${JSON.stringify(service.name)}`,
          at: document.locate([...prefix, "serviceFiles", i]),
          fix: `Change \`name\` in ${file}.`,
        });
      } else services.push(service);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      problems.push(...error.problems);
    }
  }

  const result = check(platformSchema(services), raw ?? {});
  if (!result.ok) {
    problems.push(...result.problems.map((p) => ({ ...p, at: document.locate([...prefix, ...p.path]) })));
    throw new ConfigError(problems);
  }
  const pipelines = collect(problems, () => readPipelines(project, result.value.pipelines, locate)) ?? [];
  if (problems.length > 0) throw new ConfigError(problems);

  function locate(p: readonly (string | number)[]) {
    return document.locate([...prefix, ...p]);
  }
  return {
    stack,
    config: result.value,
    services,
    pipelines,
    locate,
    find: (p) => document.find([...prefix, ...p]),
  };
}

function collect<T>(problems: Problem[], read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    problems.push(...error.problems);
    return undefined;
  }
}

function rawPlatform(document: SourceDocument): unknown {
  const config = (document.value as { config?: Record<string, unknown> } | null)?.config;
  return config?.[platformKey] ?? undefined;
}

/** The frame around the platform object. */
function checkFile(document: SourceDocument): Problem[] {
  const value = document.value as Record<string, unknown> | null;
  if (value === null || value === undefined) return [];
  if (typeof value !== "object" || Array.isArray(value)) {
    return [{ path: [], message: "expected a mapping with the key config", at: document.locate([]) }];
  }
  const config = value.config ?? {};
  if (typeof config !== "object" || Array.isArray(config)) {
    return [{ path: ["config"], message: "expected a mapping", at: document.locate(["config"]) }];
  }
  const problems: Problem[] = [];
  if (platformKey in value) {
    problems.push({
      path: [platformKey],
      message: "expected under config:, received at the top of the file",
      at: document.locate([platformKey]),
      fix: `Indent it under a line \`config:\`.`,
    });
  }
  for (const key of Object.keys(config)) {
    if (!key.startsWith("datalab:") && key.includes(":")) continue; // another provider's
    if (ownKeys.includes(key)) continue;
    const near = nearest(key.includes(":") ? key : `datalab:${key}`, ownKeys);
    problems.push({
      path: ["config", key],
      message: `expected one of ${ownKeys.join(", ")}, received the unknown key ${JSON.stringify(key)}`,
      at: document.locate(["config", key]),
      ...(near && { fix: `Did you mean ${near}?` }),
    });
  }
  return problems;
}
