import type { EnabledServices } from "./enabled.ts";
import { external, type Ref } from "./refs.ts";

/** A provider outside of the stack: an existing server, or one that the target creates. */
export interface ExternalModel {
  readonly database: ExternalDatabase | null;
  readonly bucket: ExternalBucket | null;
}

export interface ExternalDatabase {
  readonly host: string;
  readonly port: number;
  /** Whether it accepts only encrypted connections. */
  readonly tls: boolean;
  /** Prefix of the names of databases and roles. */
  readonly prefix: string;
  /** The role that creates databases and roles; its password is null if it is the providing service's own secret. */
  readonly admin: { readonly user: string; readonly password: Ref | null } | null;
}

export interface ExternalBucket {
  readonly url: string;
  readonly region: string;
  /** Prefix of bucket names. */
  readonly prefix: string;
  /** Where workloads request their identity if they have no key; absent: unknown. */
  readonly identity?: { readonly host: string; readonly port: number };
  /** The key for grants without a key of their own; null: workloads have an identity instead. */
  readonly credentials: ExternalKey | null;
  /** By `<service>.<need>`. */
  readonly keys: Readonly<Record<string, ExternalKey>>;
}

export interface ExternalKey {
  readonly accessKey: string;
  /** Name of the external secret that is the key itself. */
  readonly secret: string;
}

/** Servers that the target creates by itself; the configuration takes precedence. */
const managed: Readonly<Record<string, (enabled: EnabledServices) => ExternalModel>> = {
  aws: ({ environment: { stack, config } }) => {
    const { accountId = "", region = "" } = config.aws;
    return {
      database: {
        // A name in the VPC's own zone, so that it is known before the server exists.
        host: `postgres.${privateZone(stack)}`,
        port: 5432,
        tls: true,
        prefix: "",
        admin: { user: "postgres", password: null },
      },
      bucket: {
        url: `https://s3.${region}.amazonaws.com`,
        region,
        // Bucket names are globally unique.
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

/** The external providers. Reports contradictions. */
export function resolveExternal(enabled: EnabledServices): ExternalModel {
  const { config, services } = enabled.environment;
  const own = managed[config.target]?.(enabled) ?? { database: null, bucket: null };
  const { database, bucket } = config.external;
  const provider = services.find((s) => s.provides?.database);
  if (database?.admin && provider && !enabled.config(provider).enabled) {
    enabled.problem(
      ["services", provider.name, "enabled"],
      `expected true, received false: it creates the databases and roles on ${database.host} for external.database.admin`,
      "Set it to true, or remove external.database.admin: the databases and roles must then exist.",
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
