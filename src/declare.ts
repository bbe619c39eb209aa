import { loadEnvironment } from "./config/load.ts";
import { checkPromoted } from "./config/promoted.ts";
import { ConfigError, DatalabError } from "./errors.ts";
import type { Environment } from "./model/environment.ts";
import { imagesOf } from "./model/images.ts";
import type { DeploymentTarget, PlatformModel } from "./model/platform.ts";
import { EnabledServices } from "./model/resolve/enabled.ts";
import { checkPolicy } from "./model/resolve/policy.ts";
import { resolvePlatform } from "./model/resolve/resolve.ts";
import { services } from "./services/index.ts";

/** What is to be deployed, as it is declared. */
export interface Declared {
  readonly environment: Environment;
  readonly model: PlatformModel;
}

/**
 * Reads and checks everything that a stack declares. Throws one ConfigError with all that is wrong; touches
 * nothing.
 */
export function declare(project: string, stack: string): Declared {
  const environment = loadEnvironment(project, stack, services);
  const model = resolvePlatform(environment);
  checkPolicy(model);
  checkPromoted(project, environment);
  return { environment, model };
}

/** Where a stack runs, whatever else its configuration lacks: taking it down needs no more. */
export function deploymentTargetOf(project: string, stack: string): DeploymentTarget {
  const environment = loadEnvironment(project, stack, services);
  const { cluster, problems } = new EnabledServices(environment);
  const missing = problems.filter(({ path }) => path.join(".") === "kubernetes.context");
  if (missing.length > 0) throw new ConfigError(missing);
  return { stack, target: environment.config.target, cluster };
}

/** The stack's file has another master secret than the one that the stack was deployed with. */
export const masterChanged = (stack: string): DatalabError =>
  new DatalabError(
    "E_MASTER_CHANGED",
    `The master secret in Pulumi.${stack}.yaml is not the one that the stack ${stack} was deployed with. With it every password would change, and backups could not be read.`,
    {
      hint: `Restore datalab:masterSecret from your repository or backup. To change every password on purpose: ./datalab up --new-master-secret --stack ${stack}`,
    },
  );

/** Logical names of all images that a stack runs, whether or not their digests are known. */
export function declaredImages(project: string, stack: string): string[] {
  const environment = loadEnvironment(project, stack, services);
  const { source } = environment.config.images;
  const unknown = { ...environment, config: { ...environment.config, images: { source, digests: {} } } };
  return imagesOf(resolvePlatform(unknown)).sort();
}
