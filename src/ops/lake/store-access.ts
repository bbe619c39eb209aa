import type { PlatformOutput } from "../../outputs/platform.ts";
import type { Credentials } from "../services/credentials.ts";

type Bucket = NonNullable<PlatformOutput["tools"][string]["bucket"]>;

/** The secret key that opens a bucket; empty where the caller's own identity does, as AWS's SDK finds it. */
export function secretKeyOf(bucket: Bucket, credentials: Credentials): string {
  if (bucket.secret !== null) return credentials.value(bucket.secret);
  return bucket.external ? credentials.external(bucket.external) : "";
}

/** What the store calls a bucket. */
export const bucketName = (bucket: { readonly prefix?: string | undefined }, name: string): string =>
  `${bucket.prefix ?? ""}${name}`;
