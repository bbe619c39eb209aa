import type { EnabledServices } from "./enabled.ts";
import { external, type Ref } from "./refs.ts";

/** What answers a capability from outside of the stack: a server that exists already, or one that the target makes. */
export interface ExternalModel {
  readonly database: ExternalDatabase | null;
  readonly bucket: ExternalBucket | null;
}

export interface ExternalDatabase {
  readonly host: string;
  readonly port: number;
  /** Whether it takes encrypted connections only. */
  readonly tls: boolean;
  /** What names of databases and roles begin with. */
  readonly prefix: string;
  /** Who makes databases and roles; its password is null where it is the providing service's own secret. */
  readonly admin: { readonly user: string; readonly password: Ref | null } | null;
}

export interface ExternalBucket {
  readonly url: string;
  readonly region: string;
  /** What names of buckets begin with. */
  readonly prefix: string;
  /** Where workloads ask for the identity that they have instead of a key; absent: nobody knows. */
  readonly identity?: { readonly host: string; readonly port: number };
  /** The key of whoever has none of its own; null: workloads have an identity instead. */
  readonly credentials: ExternalKey | null;
  /** By `<service>.<need>`. */
  readonly keys: Readonly<Record<string, ExternalKey>>;
}

export interface ExternalKey {
  readonly accessKey: string;
  /** Name of the secret from outside that is the key itself. */
  readonly secret: string;
}

/** What a target answers by itself, with servers that it makes; the configuration goes before it. */
const managed: Readonly<Record<string, (enabled: EnabledServices) => ExternalModel>> = {
  aws: ({ environment: { stack, config } }) => {
    const { accountId = "", region = "" } = config.aws;
    return {
      database: {
        // A name of the VPC's own zone, so that it is known before the server is.
        host: `postgres.${privateZone(stack)}`,
        port: 5432,
        tls: true,
        prefix: "",
        admin: { user: "postgres", password: null },
      },
      bucket: {
        url: `https://s3.${region}.amazonaws.com`,
        region,
        // Names of buckets are unique in the world.
        prefix: `datalab-${stack}-${accountId}-`,
        // The agent of EKS Pod Identity, on every node.
        identity: { host: "169.254.170.23", port: 80 },
        credentials: null,
        keys: {},
      },
    };
  },
};

/** The private DNS zone of a stack. */
export const privateZone = (stack: string): string => `datalab-${stack}.internal`;

/** What is answered from outside. Notes what does not fit together. */
export function resolveExternal(enabled: EnabledServices): ExternalModel {
  const { config, services } = enabled.environment;
  const own = managed[config.target]?.(enabled) ?? { database: null, bucket: null };
  const { database, bucket } = config.external;
  const provider = services.find((s) => s.provides?.database);
  if (database?.admin && provider && !enabled.config(provider).enabled) {
    enabled.problem(
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
