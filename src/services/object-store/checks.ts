import { type S3Access, withS3Client } from "../../model/s3-client.ts";
import type { CheckContext, ResolvedGrant, Sample } from "../../model/service.ts";

/** Most pages of 1,000 objects that are counted of one bucket: more takes longer than counting is worth. */
const maxPages = 200;

/**
 * What the lake lives by: an object that is written is read back as it is, a conditional write does not go
 * over it, and it is gone after its deletion.
 */
export async function writeAndRead({ needs, signal: abortSignal }: CheckContext): Promise<void> {
  const grant = needs.bucket as ResolvedGrant;
  const { PutObjectCommand, GetObjectCommand, DeleteObjectCommand } = await import("@aws-sdk/client-s3");
  await withS3Client(grant, async (client) => {
    const at = { Bucket: grant.names[0] as string, Key: "roundtrip" };
    const body = `written ${new Date().toISOString()}`;
    const read = async () => {
      const { Body } = await client.send(new GetObjectCommand(at), { abortSignal });
      return Body?.transformToString();
    };
    await client.send(new PutObjectCommand({ ...at, Body: body }), { abortSignal });
    if ((await read()) !== body) throw new Error("the object read back is not the one written");
    const again = new PutObjectCommand({ ...at, Body: "a second writer's", IfNoneMatch: "*" });
    const refused = await client.send(again, { abortSignal }).then(
      () => false,
      (error: { $metadata?: { httpStatusCode?: number } }) => {
        if (error.$metadata?.httpStatusCode === 412) return true;
        throw error;
      },
    );
    if (!refused) throw new Error("a conditional write replaced an existing object");
    await client.send(new DeleteObjectCommand(at), { abortSignal });
  });
}

const objects = "datalab_store_bucket_objects";
const bytes = "datalab_store_bucket_bytes";

/** Objects and bytes of every bucket, counted through plain S3: the same for whatever answers it. */
export async function bucketSizes({
  secrets,
  endpoints,
  signal: abortSignal,
}: CheckContext): Promise<Sample[]> {
  const { ListBucketsCommand, ListObjectsV2Command } = await import("@aws-sdk/client-s3");
  const access: S3Access = {
    url: endpoints["main.s3"] as string,
    region: "us-east-1",
    accessKey: "admin",
    secretKey: secrets.admin as string,
  };
  return withS3Client(access, async (client) => {
    const { Buckets = [] } = await client.send(new ListBucketsCommand({}), { abortSignal });
    const samples: Sample[] = [];
    for (const { Name: bucket = "" } of Buckets) {
      let count = 0;
      let size = 0;
      let token: string | undefined;
      for (let page = 0; page < maxPages && (page === 0 || token !== undefined); page++) {
        const list = new ListObjectsV2Command({ Bucket: bucket, ContinuationToken: token });
        const found = await client.send(list, { abortSignal });
        for (const { Size = 0 } of found.Contents ?? []) size += Size;
        count += found.KeyCount ?? 0;
        token = found.NextContinuationToken;
      }
      // A bucket that is too large to be counted has no number rather than a wrong one.
      if (token !== undefined) continue;
      const labels = { bucket };
      samples.push({ name: objects, help: "Objects in a bucket of the object store.", labels, value: count });
      samples.push({ name: bytes, help: "Bytes in a bucket of the object store.", labels, value: size });
    }
    return samples;
  });
}
