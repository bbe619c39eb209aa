import type { ExternalModel } from "../external.ts";
import { external } from "../refs.ts";
import type { Findings } from "./findings.ts";
import { traitsOf } from "./target-traits.ts";

/** What is answered from outside. Notes what does not fit together. */
export function resolveExternal(findings: Findings): ExternalModel {
  const { config, services } = findings.environment;
  const own = traitsOf(config.target).managed?.(findings.environment) ?? { database: null, bucket: null };
  const { database, bucket } = config.external;
  const provider = services.find((s) => s.provides?.database);
  if (database?.admin && provider && !findings.config(provider).enabled) {
    findings.problem(
      ["services", provider.name, "enabled"],
      `expected true, received false: it makes the databases and roles on ${database.host} that external.database.admin is for`,
      "Set it to true, or take external.database.admin away: databases and roles must exist then.",
    );
  }
  return {
    database: database
      ? {
          host: database.host,
          port: database.port,
          tls: database.tls,
          prefix: database.prefix,
          admin: database.admin
            ? { user: database.admin.user, password: external(database.admin.secret, "text") }
            : null,
        }
      : own.database,
    bucket: bucket
      ? {
          url: bucket.url,
          region: bucket.region,
          prefix: bucket.prefix,
          credentials: bucket.credentials ?? null,
          keys: bucket.keys,
        }
      : own.bucket,
  };
}
