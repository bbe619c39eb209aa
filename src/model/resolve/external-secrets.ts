import { ConfigError, type Problem } from "../../errors.ts";
import type { Environment } from "../environment.ts";
import type { PlatformModel } from "../platform.ts";
import { externalKey, refsOf } from "../refs.ts";

/** Throws if a workload needs an external secret that is not set; otherwise returns the model. */
export function checkExternalSecrets(environment: Environment, model: PlatformModel): PlatformModel {
  const ofOutside = outsideSecrets(model);
  const problems: Problem[] = [...ofOutside].flatMap(([name, path]) =>
    environment.externalSecrets.includes(name)
      ? []
      : [
          {
            path,
            message: `expected the secret ${name} to be set, received nothing under datalab:${externalKey(name)}`,
            at: environment.locate(path),
            fix: `Run: ./datalab secrets set ${name} --stack ${model.stack}`,
          },
        ],
  );
  const ofServices = model.services.flatMap((service) => {
    const texts = service.workloads.flatMap((w) => [
      ...[...Object.values(w.files), ...Object.values(w.env)],
      ...w.spawns.flatMap((s) => [...Object.values(s.files), ...Object.values(s.env)]),
    ]);
    const wanted = texts.flatMap(refsOf).flatMap((ref) => (ref.ref === "external" ? [ref.name] : []));
    return [...new Set(wanted)]
      .filter((name) => !environment.externalSecrets.includes(name))
      .filter((name) => !ofOutside.has(name))
      .map((name) => ({
        path: ["services", service.name, "options"],
        message: `expected the secret ${name} to be set, received nothing under datalab:${externalKey(name)}`,
        at: environment.locate(["services", service.name, "options"]),
        fix: `Run: ./datalab secrets set ${name} --stack ${model.stack}`,
      }));
  });
  problems.push(...ofServices);
  if (problems.length > 0) throw new ConfigError(problems);
  return model;
}

/** Secrets for external servers, by name, with the path that requires each. */
function outsideSecrets(model: PlatformModel): ReadonlyMap<string, readonly string[]> {
  const { database, bucket } = model.external;
  const found = new Map<string, readonly string[]>();
  if (database?.admin?.password?.ref === "external") {
    found.set(database.admin.password.name, ["external", "database", "admin", "secret"]);
  }
  if (database && !database.admin) {
    const texts = model.services.flatMap((s) =>
      s.workloads.flatMap((w) => [...Object.values(w.files), ...Object.values(w.env)]),
    );
    for (const ref of texts.flatMap(refsOf)) {
      if (ref.ref === "external" && ref.name.startsWith("database-"))
        found.set(ref.name, ["external", "database", "admin"]);
    }
  }
  if (bucket?.credentials)
    found.set(bucket.credentials.secret, ["external", "bucket", "credentials", "secret"]);
  for (const [id, { secret }] of Object.entries(bucket?.keys ?? {})) {
    found.set(secret, ["external", "bucket", "keys", id, "secret"]);
  }
  return found;
}
