import { ConfigError } from "../config/error.ts";
import type { Environment } from "../config/load.ts";
import type { PlatformModel } from "./platform.ts";
import { externalKey, refsOf } from "./refs.ts";

/** Throws when a workload is to be handed a secret from outside that nobody has given; else returns the model. */
export function checkExternalSecrets(environment: Environment, model: PlatformModel): PlatformModel {
  const problems = model.services.flatMap((service) => {
    const texts = service.workloads.flatMap((w) => [...Object.values(w.files), ...Object.values(w.env)]);
    const wanted = texts.flatMap(refsOf).flatMap((ref) => (ref.ref === "external" ? [ref.name] : []));
    return [...new Set(wanted)]
      .filter((name) => !environment.externalSecrets.includes(name))
      .map((name) => ({
        path: ["services", service.name, "options"],
        message: `expected the secret ${name} to be given, received nothing under datalab:${externalKey(name)}`,
        at: environment.locate(["services", service.name, "options"]),
        fix: `Run: ./datalab secrets set ${name} --stack ${model.stack}`,
      }));
  });
  if (problems.length > 0) throw new ConfigError(problems);
  return model;
}
