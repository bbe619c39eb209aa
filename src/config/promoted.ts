import { ConfigError, type Problem } from "../errors.ts";
import type { Environment } from "../model/environment.ts";
import { readPipelines } from "./pipelines.ts";

/** Version of each pipeline as its own files give it, whatever a stack does otherwise. */
export function ownVersions(project: string, environment: Environment): Record<string, string> {
  const { config, locate } = environment;
  const pipelines = readPipelines(project, { ...config.pipelines, overrides: {} }, locate);
  return Object.fromEntries(pipelines.map(({ name, version }) => [name, version]));
}

/** Throws a ConfigError when the files have other pipelines than those that were promoted to the stack. */
export function checkPromoted(project: string, environment: Environment): void {
  const { promoted } = environment.config;
  if (!promoted) return;
  const versions = ownVersions(project, environment);
  const problems = Object.entries(promoted.pipelines).flatMap(([name, version]): Problem[] => {
    const found = versions[name];
    if (found === version || found === undefined) return [];
    const path = ["promoted", "pipelines", name];
    return [
      {
        path,
        message: `expected the version ${version}, which was promoted from ${promoted.from}, received files of version ${found}`,
        at: environment.locate(path),
        fix: `Check out ${promoted.commit.slice(0, 12)}, or promote again: ./datalab promote ${promoted.from} ${environment.stack}`,
      },
    ];
  });
  if (problems.length > 0) throw new ConfigError(problems);
}
