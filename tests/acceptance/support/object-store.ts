import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { ports, type Stage } from "./stage.ts";

export function s3(accessKeyId: string, secretAccessKey: string, port: number = ports.s3): S3Client {
  return new S3Client({
    endpoint: `http://127.0.0.1:${port}`,
    region: "us-east-1",
    credentials: { accessKeyId, secretAccessKey },
    forcePathStyle: true,
    maxAttempts: 1,
  });
}

/** The object store with the access of one of the platform's own needs, such as `prefect/lake`. */
export async function objectStore(stage: Stage, id: string) {
  const client = s3(id.replace("/", "."), await stage.secret(id), stage.port(9000));
  return {
    async keys(bucket: string, prefix: string): Promise<string[]> {
      const { Contents = [] } = await client.send(
        new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix }),
      );
      return Contents.map(({ Key }) => Key as string);
    },
    async text(bucket: string, key: string): Promise<string> {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
      return (await Body?.transformToString()) ?? "";
    },
    async put(bucket: string, key: string, body: string): Promise<void> {
      await client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body }));
    },
    close: () => client.destroy(),
  };
}
