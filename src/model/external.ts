import type { Ref } from "./refs.ts";

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
  /**
   * The role that creates databases and roles; its password is null if it is the providing service's own
   * secret.
   */
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

/** The private DNS zone of a stack. */
export const privateZone = (stack: string): string => `datalab-${stack}.internal`;
