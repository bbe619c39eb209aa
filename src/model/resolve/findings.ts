import type { Problem } from "../../errors.ts";
import type { Environment, ServiceConfig } from "../environment.ts";
import type { ServiceDefinition } from "../service.ts";

type Path = readonly (string | number)[];

/** A configuration that is being resolved, and the problems that have been found in it. */
export class Findings {
  readonly environment: Environment;
  readonly problems: Problem[] = [];

  constructor(environment: Environment) {
    this.environment = environment;
  }

  config(service: ServiceDefinition): ServiceConfig {
    return (this.environment.config.services as Record<string, ServiceConfig>)[service.name] as ServiceConfig;
  }

  /** Notes what is wrong at a path; `place` is where it stands when that is elsewhere. */
  problem(path: Path, message: string, fix?: string, place: Path = path): void {
    this.problems.push({ path, message, at: this.environment.locate(place), ...(fix && { fix }) });
  }
}
