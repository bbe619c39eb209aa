import type { Agent } from "node:https";
import type { S3Client, S3ClientConfig } from "@aws-sdk/client-s3";

export interface S3Access {
  readonly url: string;
  readonly region: string;
  /** Empty where the caller's own identity opens the buckets, as AWS's SDK finds it. */
  readonly accessKey: string;
  readonly secretKey: string;
  /** What connections are made by. @default the SDK's own */
  readonly agent?: Agent | undefined;
}

/** How a client of any S3 service is made. */
export const s3ClientConfig = ({ url, region, accessKey, secretKey, agent }: S3Access): S3ClientConfig => ({
  endpoint: url,
  region,
  forcePathStyle: true,
  ...(accessKey !== "" && { credentials: { accessKeyId: accessKey, secretAccessKey: secretKey } }),
  ...(agent && { requestHandler: { httpsAgent: agent } }),
});

/** A client for a check: it tries once, and is closed in the end. The SDK is loaded when it is needed. */
export async function withS3Client<T>(access: S3Access, use: (client: S3Client) => Promise<T>): Promise<T> {
  const sdk = await import("@aws-sdk/client-s3");
  const client = new sdk.S3Client({ ...s3ClientConfig(access), maxAttempts: 1 });
  try {
    return await use(client);
  } finally {
    client.destroy();
  }
}
