/**
 * Objects of every kind that the platform's own never are all at once, and a list of all that a store holds.
 */
import { createHash } from "node:crypto";
import {
  GetObjectCommand,
  GetObjectTaggingCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";

export interface StoredObject {
  readonly bucket: string;
  readonly key: string;
  readonly size: number;
  readonly sha256: string;
  readonly type: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
}

/** Names that are legal and seldom tried. */
const oddKeys = [
  "sp ace+plus%41é漢🙂",
  "q?#&=x",
  "back\\slash",
  "Case",
  "case",
  ".dot",
  `deep/${"y/".repeat(100)}z`,
];

/** Puts `count` small objects, some with all that an object can carry, and one large one into a bucket. */
export async function putObjects(client: S3Client, bucket: string, count: number): Promise<void> {
  const put = (Key: string, Body: string | Buffer, more = {}) =>
    client.send(new PutObjectCommand({ Bucket: bucket, Key, Body, ...more }));
  for (let i = 0; i < count; i++) await put(`many/${i % 7}/${i}.txt`, `object ${i}`);
  for (const key of oddKeys) await put(`odd/${key}`, key);
  await put("empty", "");
  await put("folder/", "");
  await put("rich", "all of it", {
    ContentType: "text/x-odd",
    CacheControl: "max-age=60",
    ContentDisposition: "attachment",
    ContentLanguage: "de",
    ContentEncoding: "identity",
    Metadata: { owner: "somebody", "two-words": "a b" },
    Tagging: "kind=test&note=with%20space",
  });
  const large = Buffer.alloc(40 * 2 ** 20);
  for (let at = 0; at < large.length; at += 4) large.writeUInt32LE((at * 2654435761) >>> 0, at);
  await new Upload({
    client,
    params: {
      Bucket: bucket,
      Key: "large.bin",
      Body: large,
      Metadata: { parts: "many" },
      Tagging: "size=large",
    },
    partSize: 8 * 2 ** 20,
  }).done();
}

/** Every object of every bucket with its content's SHA-256, sorted: equal lists are equal stores. */
export async function inventory(client: S3Client): Promise<StoredObject[]> {
  const { Buckets = [] } = await client.send(new ListBucketsCommand({}));
  const all: StoredObject[] = [];
  for (const { Name: Bucket = "" } of Buckets) {
    let token: string | undefined;
    do {
      const page = await client.send(new ListObjectsV2Command({ Bucket, ContinuationToken: token }));
      for (const { Key = "" } of page.Contents ?? []) all.push(await describe(client, Bucket, Key));
      token = page.NextContinuationToken;
    } while (token !== undefined);
  }
  const name = ({ bucket, key }: StoredObject) => `${bucket}/${key}`;
  return all.sort((a, b) => (name(a) < name(b) ? -1 : 1));
}

async function describe(client: S3Client, Bucket: string, Key: string): Promise<StoredObject> {
  const { Body, ContentType, Metadata } = await client.send(new GetObjectCommand({ Bucket, Key }));
  const bytes = (await Body?.transformToByteArray()) ?? new Uint8Array();
  const { TagSet = [] } = await client.send(new GetObjectTaggingCommand({ Bucket, Key }));
  const sorted = (entries: [string, string][]) =>
    Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
  return {
    bucket: Bucket,
    key: Key,
    size: bytes.length,
    sha256: createHash("sha256").update(bytes).digest("hex"),
    // A folder's own marker is given its type by the engine.
    type: Key.endsWith("/") ? undefined : ContentType,
    metadata: sorted(Object.entries(Metadata ?? {})),
    tags: sorted(TagSet.map((tag) => [tag.Key as string, tag.Value as string])),
  };
}
