import { type Environment, loadEnvironment } from "../config/load.ts";
import type { PlatformModel } from "../model/platform.ts";
import { checkPolicy } from "../model/policy.ts";
import { resolvePlatform } from "../model/resolve.ts";
import { services } from "../services/index.ts";

/** What is to be deployed, as it is declared. */
export interface Declared {
  readonly environment: Environment;
  readonly model: PlatformModel;
}

/** Reads and checks everything that a stack declares. Throws one ConfigError with all that is wrong; touches nothing. */
export function declare(project: string, stack: string): Declared {
  const environment = loadEnvironment(project, stack, services);
  const model = resolvePlatform(environment);
  checkPolicy(model);
  return { environment, model };
}
