import type { S3ClientConfig } from "@aws-sdk/client-s3";
import type { PlatformOutput } from "../../outputs/platform.ts";
import type { Credentials } from "../services/credentials.ts";

type Bucket = NonNullable<PlatformOutput["tools"][string]["bucket"]>;

/** The secret key that opens a bucket; empty where the caller's own identity does, as AWS's SDK finds it. */
export function secretKeyOf(bucket: Bucket, credentials: Credentials): string {
  if (bucket.secret !== null) return credentials.value(bucket.secret);
  return bucket.external ? credentials.external(bucket.external) : "";
}

/** How an S3 client is made for it. */
export const clientConfig = (
  { url, region, accessKey }: Pick<Bucket, "url" | "region" | "accessKey">,
  secretKey: string,
): S3ClientConfig => ({
  endpoint: url,
  region,
  forcePathStyle: true,
  ...(accessKey !== "" && { credentials: { accessKeyId: accessKey, secretAccessKey: secretKey } }),
});

/** What the store calls a bucket. */
export const bucketName = (bucket: { readonly prefix?: string | undefined }, name: string): string =>
  `${bucket.prefix ?? ""}${name}`;
