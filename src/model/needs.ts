import type { Ref, Text } from "./refs.ts";

/** What a service asks for. The model chooses the provider, never the service that asks. */
export type Need = DatabaseNeed | BucketNeed | SecretNeed | EndpointNeed;

export interface DatabaseNeed {
  readonly kind: "database";
  readonly name: string;
  /** Its role may also read the server's statistics, of every database. */
  readonly monitor?: true;
}
export interface BucketNeed {
  readonly kind: "bucket";
  readonly names: readonly string[];
}
export interface SecretNeed {
  readonly kind: "secret";
  /** Set if people log in with it: the user name and what it opens. */
  readonly login?: { readonly user: string; readonly opens: string };
}
export interface EndpointNeed {
  readonly kind: "endpoint";
  readonly workload: string;
  readonly endpoint: string;
  /** Granted as null while the other service is disabled. */
  readonly optional?: true;
  /**
   * Whether the caller waits for it at start, and is ordered behind it. @default true, false when optional
   */
  readonly wait?: boolean;
}
/** An endpoint that may be missing. */
export type OptionalEndpointNeed = EndpointNeed & { readonly optional: true };

/** Whether the part with this need starts only after the endpoint accepts connections. */
export const waitsFor = ({ optional, wait }: EndpointNeed): boolean => wait ?? !optional;

/** A PostgreSQL database of this name with a role of its own. */
export const database = (name: string, options: { readonly monitor?: true } = {}): DatabaseNeed => ({
  kind: "database",
  name,
  ...options,
});
/** Read and write access to these buckets of the object store, with a key of its own. */
export const bucket = (...names: readonly string[]): BucketNeed => ({ kind: "bucket", names });
/** A random secret of at least 128 bits, distinct per stack. */
export const secret = (login?: SecretNeed["login"]): SecretNeed => ({
  kind: "secret",
  ...(login && { login }),
});
/**
 * The address of another service's endpoint, with the login that opens it; the caller waits for it at start.
 */
export function endpoint(
  workload: string,
  name: string,
  options: { readonly optional: true; readonly wait?: true },
): OptionalEndpointNeed;
export function endpoint(workload: string, name: string, options?: { readonly wait: false }): EndpointNeed;
export function endpoint(
  workload: string,
  name: string,
  options: { readonly optional?: true; readonly wait?: boolean } = {},
): EndpointNeed {
  return { kind: "endpoint", workload, endpoint: name, ...options };
}

export interface DatabaseGrant {
  readonly kind: "database";
  readonly host: Ref;
  readonly port: Ref;
  readonly name: string;
  readonly user: string;
  readonly password: Ref;
  /** Whether the role may read the server's statistics. */
  readonly monitor?: true;
  /** Whether the server takes encrypted connections only; its certificate is not verified. */
  readonly tls?: true;
}
/**
 * An empty `accessKey` means no key: workloads authenticate with an identity that they receive at run time.
 */
export interface BucketGrant {
  readonly kind: "bucket";
  /** S3 endpoint URL inside the stack's network. */
  readonly url: Ref;
  readonly region: string;
  readonly accessKey: string;
  readonly secretKey: Text;
  /** The buckets' names in the store, in the need's order. */
  readonly names: readonly string[];
  /** Prefix of the bucket names there; absent: none. */
  readonly prefix?: string;
}
export interface EndpointGrant {
  readonly kind: "endpoint";
  readonly host: Ref;
  readonly port: Ref;
  readonly url: Ref;
  /** The endpoint's login; null when it has none. */
  readonly user: string | null;
  readonly password: Ref | null;
}

/** The grant for a need. */
export type Grant<N extends Need = Need> = N extends DatabaseNeed
  ? DatabaseGrant
  : N extends BucketNeed
    ? BucketGrant
    : N extends OptionalEndpointNeed
      ? EndpointGrant | null
      : N extends EndpointNeed
        ? EndpointGrant
        : N extends SecretNeed
          ? Ref
          : never;

export type Needs = Readonly<Record<string, Need>>;
export type Grants<N extends Needs> = { readonly [K in keyof N]: Grant<N[K]> };
