import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { Readable } from "node:stream";
import { DatalabError, type ErrorCode } from "../../errors.ts";
import { type S3Access, s3ClientConfig } from "../../model/s3-client.ts";
import type { PlatformOutput } from "../../outputs/platform.ts";
import type { Credentials } from "../services/credentials.ts";
import { agentFor, ingressRouteOf } from "../services/ingress-route.ts";
import { lakeOf } from "./lake.ts";
import { bucketName, secretKeyOf, storeError } from "./store-access.ts";

/** The bucket that uploaded files land in, and where in it. */
const landingBucket = "bronze";
const landingPrefix = "_landing";
/** S3 takes 10,000 parts: this allows files of 160 GB. */
const partBytes = 16 * 1024 * 1024;
const tableName = /^[a-z][a-z0-9_]{0,62}$/;

export interface Upload {
  readonly key: string;
  readonly hash: string;
  readonly bytes: number;
  /** The very file was there already. */
  readonly skipped: boolean;
}

export interface UploadOptions {
  readonly onHash?: (done: number, total: number) => void;
  readonly onUpload?: (done: number, total: number) => void;
  /** Ends the upload; parts that are in the store are removed. */
  readonly signal?: AbortSignal;
}

export function checkTableName(table: string): void {
  if (tableName.test(table)) return;
  throw new DatalabError(
    "E_TABLE_NAME",
    `expected a table name such as "flights", received ${JSON.stringify(table)}`,
    {
      hint: "Use a name that starts with a letter and has at most 63 lower case letters, digits and underscores.",
    },
  );
}

/** Size of a file that can be ingested; throws when it is none. */
export async function checkFile(path: string): Promise<number> {
  const wrong = (code: ErrorCode, message: string) => new DatalabError(code, `${path}: ${message}`);
  const info = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR")
      throw wrong("E_FILE_MISSING", "the file does not exist");
    throw wrong("E_FILE", `can't be read (${error.code})`);
  });
  if (info.isDirectory()) throw wrong("E_FILE", "expected a file, received a directory");
  if (!info.isFile()) throw wrong("E_FILE", "expected a regular file; pass the output of a pipe as -");
  if (info.size === 0) throw wrong("E_FILE_EMPTY", "the file is empty");
  if (/\p{Cc}/u.test(basename(path)))
    throw wrong("E_FILE", "the file's name has control characters; rename it");
  return info.size;
}

/** Content hash of a file, read in one pass. */
async function hashFile(
  path: string,
  onBytes: (done: number) => void,
  signal: AbortSignal | undefined,
): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of hashing(path, hash, { onBytes, signal })) void chunk;
  return hash.digest("hex");
}

/**
 * Puts a file where the lake's tool takes it from. Skipped when the same content is there under the same
 * name.
 */
export async function uploadFile(
  platform: PlatformOutput,
  credentials: Credentials,
  path: string,
  table: string,
  options: UploadOptions = {},
): Promise<Upload> {
  const { bucket } = lakeOf(platform);
  if (!bucket || bucket.url === "") {
    throw new DatalabError(
      "E_STORE_UNPUBLISHED",
      `The stack ${platform.stack} does not publish its object store.`,
      {
        hint: "Files are uploaded through it: set a number for its S3 port in the configuration.",
      },
    );
  }
  const { url, region, accessKey, prefix = "" } = bucket;
  const store = { url, region, accessKey, secretKey: secretKeyOf(bucket, credentials), prefix };
  // What is outside is reached as anything is.
  const agent = bucket.secret === null ? undefined : agentFor(ingressRouteOf(platform));
  return uploadTo({ ...store, ...(agent && { agent }) }, path, table, options);
}

export interface Store extends S3Access {
  readonly prefix?: string;
}

export async function uploadTo(
  store: Store,
  path: string,
  table: string,
  options: UploadOptions = {},
): Promise<Upload> {
  checkTableName(table);
  const bytes = await checkFile(path);
  const onHash = (done: number) => options.onHash?.(done, bytes);
  const hash = await hashFile(path, onHash, options.signal).catch((error: NodeJS.ErrnoException) => {
    if (error instanceof DatalabError) throw error;
    throw new DatalabError("E_FILE", `${path}: can't be read (${error.code})`);
  });
  const key = `${landingPrefix}/${table}/${hash}/${basename(path)}`;
  const [{ S3Client, HeadObjectCommand, DeleteObjectCommand }, { Upload: MultipartUpload }] =
    await Promise.all([import("@aws-sdk/client-s3"), import("@aws-sdk/lib-storage")]);
  const client = new S3Client({ ...s3ClientConfig(store), maxAttempts: 4 });
  const at = { Bucket: bucketName(store, landingBucket), Key: key };
  try {
    const there = await client.send(new HeadObjectCommand(at)).catch((error: { name?: string }) => {
      if (error.name === "NotFound" || error.name === "NoSuchKey") return undefined;
      throw error;
    });
    if (there?.ContentLength === bytes) return { key, hash, bytes, skipped: true };

    const sent = createHash("sha256");
    const upload = new MultipartUpload({
      client,
      params: { ...at, Body: Readable.from(hashing(path, sent, options)) },
      partSize: partBytes,
      queueSize: 4,
    });
    upload.on("httpUploadProgress", ({ loaded }) => options.onUpload?.(loaded ?? 0, bytes));
    await upload.done();
    // The key promises this content: a file that was written to meanwhile must not stand under it.
    if (sent.digest("hex") !== hash) {
      await client.send(new DeleteObjectCommand(at));
      throw new DatalabError("E_FILE_CHANGED", `${path}: the file changed while it was uploaded.`, {
        hint: "Ingest it again when no process writes to it.",
      });
    }
    return { key, hash, bytes, skipped: false };
  } catch (error) {
    throw error instanceof DatalabError ? error : storeError(store.url, "upload", error);
  } finally {
    client.destroy();
  }
}

async function* hashing(
  path: string,
  hash: { update(chunk: Buffer): unknown },
  { onBytes, signal }: { onBytes?: (done: number) => void; signal?: AbortSignal | undefined },
) {
  let done = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) {
    // Thrown here and not by the client, which then removes the parts before it reports it.
    if (signal?.aborted) throw new DatalabError("E_INTERRUPTED", "Interrupted. Nothing was loaded.");
    hash.update(chunk as Buffer);
    done += (chunk as Buffer).length;
    onBytes?.(done);
    yield chunk as Buffer;
  }
}
