import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import type { GetObjectCommandOutput, HeadObjectCommandOutput, S3Client } from "@aws-sdk/client-s3";
import { DatalabError } from "../../errors.ts";

/** Smaller objects are held in memory and written at once, larger ones go in parts. */
const wholeBytes = 8 * 2 ** 20;
const partBytes = 16 * 2 ** 20;
const maxParts = 9000;

/** All that an object is, apart from its content. */
export interface Traits {
  readonly size: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly metadata: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
}

export interface At {
  readonly Bucket: string;
  readonly Key: string;
}

const kept = [
  "ContentType",
  "CacheControl",
  "ContentDisposition",
  "ContentEncoding",
  "ContentLanguage",
] as const;

type Head = HeadObjectCommandOutput | GetObjectCommandOutput;

/** Size, headers, metadata and tags of an object; undefined: there is none. */
export async function traitsOf(client: S3Client, at: At): Promise<Traits | undefined> {
  const { HeadObjectCommand, GetObjectTaggingCommand } = await import("@aws-sdk/client-s3");
  let head: Head;
  try {
    head = await client.send(new HeadObjectCommand(at));
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw error;
  }
  const { TagSet = [] } = await client.send(new GetObjectTaggingCommand(at));
  const expires = (head as { ExpiresString?: string }).ExpiresString;
  // A folder's own marker is given its type by the engine, whatever was asked for.
  const isFolder = at.Key.endsWith("/") && !head.ContentLength;
  const names = isFolder ? kept.filter((name) => name !== "ContentType") : kept;
  return {
    size: head.ContentLength ?? 0,
    headers: {
      ...Object.fromEntries(names.flatMap((name) => (head[name] ? [[name, head[name] as string]] : []))),
      ...(expires && { Expires: new Date(expires).toUTCString() }),
    },
    metadata: sorted(head.Metadata ?? {}),
    tags: sorted(Object.fromEntries(TagSet.map(({ Key, Value }) => [Key as string, Value as string]))),
  };
}

const sorted = (from: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(from).sort(([a], [b]) => (a < b ? -1 : 1)));

export const sameTraits = (a: Traits, b: Traits): boolean =>
  JSON.stringify([a.size, sorted({ ...a.headers }), a.metadata, a.tags]) ===
  JSON.stringify([b.size, sorted({ ...b.headers }), b.metadata, b.tags]);

/** SHA-256 of an object's content, read as a stream. */
export async function contentHash(client: S3Client, at: At): Promise<string> {
  const { GetObjectCommand } = await import("@aws-sdk/client-s3");
  const { Body } = await client.send(new GetObjectCommand(at));
  const hash = createHash("sha256");
  for await (const chunk of Body as AsyncIterable<Uint8Array>) hash.update(chunk);
  return hash.digest("hex");
}

/** Content of an object, as a stream; undefined: there is none any more. */
export async function readObject(client: S3Client, at: At): Promise<Readable | undefined> {
  const { GetObjectCommand } = await import("@aws-sdk/client-s3");
  try {
    const { Body } = await client.send(new GetObjectCommand(at));
    return Body as Readable;
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw error;
  }
}

/** Writes an object with all that it is. Holds a few parts in memory at most. */
export async function writeObject(
  target: S3Client,
  at: At,
  traits: Traits,
  content: AsyncIterable<Uint8Array>,
): Promise<void> {
  const { PutObjectCommand } = await import("@aws-sdk/client-s3");
  const { Expires, ...headers } = traits.headers;
  const params = {
    ...at,
    ...headers,
    ...(Expires !== undefined && { Expires: new Date(Expires) }),
    Metadata: { ...traits.metadata },
    ...(Object.keys(traits.tags).length > 0 && { Tagging: new URLSearchParams(traits.tags).toString() }),
  };
  if (traits.size <= wholeBytes) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of content) chunks.push(chunk);
    await target.send(new PutObjectCommand({ ...params, Body: Buffer.concat(chunks) }));
    return;
  }
  const { Upload } = await import("@aws-sdk/lib-storage");
  const partSize = Math.max(partBytes, Math.ceil(traits.size / maxParts));
  const body = Readable.from(content, { objectMode: false });
  await new Upload({ client: target, params: { ...params, Body: body }, partSize, queueSize: 2 }).done();
}

/** Copies an object as it is and gives back the SHA-256 of what was read. */
async function copy(source: S3Client, target: S3Client, at: At, traits: Traits): Promise<string> {
  const { GetObjectCommand } = await import("@aws-sdk/client-s3");
  const { Body } = await source.send(new GetObjectCommand(at));
  const hash = createHash("sha256");
  async function* read() {
    for await (const chunk of Body as AsyncIterable<Uint8Array>) {
      hash.update(chunk);
      yield chunk;
    }
  }
  await writeObject(target, at, traits, read());
  return hash.digest("hex");
}

export interface Settled {
  readonly outcome: "equal" | "copied";
  readonly sha256: string;
  readonly bytes: number;
}

/**
 * Sees to it that an object stands in the target as it stands in the source: nothing is written when it does.
 * Both sides are read back and compared by the SHA-256 of their content. Undefined: the source has no such
 * object any more.
 */
export async function settle(source: S3Client, target: S3Client, at: At): Promise<Settled | undefined> {
  const [from, there] = await Promise.all([traitsOf(source, at), traitsOf(target, at)]);
  if (!from) return undefined;
  if (there && sameTraits(from, there)) {
    const [sha256, other] = await Promise.all([contentHash(source, at), contentHash(target, at)]);
    if (sha256 === other) return { outcome: "equal", sha256, bytes: from.size };
  }
  const sha256 = await copy(source, target, at, from);
  const [written, traits] = await Promise.all([contentHash(target, at), traitsOf(target, at)]);
  if (written === sha256 && traits && sameTraits(from, traits)) {
    return { outcome: "copied", sha256, bytes: from.size };
  }
  const what =
    written === sha256
      ? `its properties differ: ${JSON.stringify(from)} and ${JSON.stringify(traits)}`
      : `its content differs: SHA-256 ${sha256} and ${written}`;
  throw new DatalabError(
    "E_MIGRATE_DIFFERS",
    `${at.Bucket}/${at.Key} is not the same in both engines: ${what}`,
  );
}

export const statusOf = (error: unknown): number | undefined =>
  (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
