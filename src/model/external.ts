import type { Ref } from "./refs.ts";

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

/** The private DNS zone of a stack. */
export const privateZone = (stack: string): string => `datalab-${stack}.internal`;
