import {
  S3Client as Client,
  CreateBucketCommand,
  DeleteObjectCommand,
  GetBucketVersioningCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  type S3Client,
} from "@aws-sdk/client-s3";
import { DatalabError } from "../../errors.ts";
import { type S3Access, s3ClientConfig } from "../../model/s3-client.ts";
import { type Settled, settle, statusOf } from "./copy.ts";

/** How many objects are under way at once: with the largest parts, about 300 MiB of memory. */
const concurrency = 6;

/** The stack's own store, where `agent` is how it is reached when that is not by its name. */
export type StoreAccess = Omit<S3Access, "region">;

export interface BucketReport {
  readonly bucket: string;
  objects: number;
  bytes: number;
  /** Written to the target, and read back. */
  copied: number;
  /** There already: the same content and properties. */
  equal: number;
  /** Left in the target by an earlier time, gone in the source since. */
  removed: number;
}

export interface MirrorOptions {
  readonly signal: AbortSignal;
  readonly onObject?: (bucket: string, objects: number, bytes: number) => void;
}

export const connect = (access: StoreAccess): S3Client =>
  new Client({ ...s3ClientConfig({ ...access, region: "us-east-1" }), maxAttempts: 4 });

export async function bucketNames(client: S3Client): Promise<string[]> {
  const { Buckets = [] } = await client.send(new ListBucketsCommand({}));
  return Buckets.map(({ Name }) => Name as string).sort();
}

export interface Listed {
  readonly key: string;
  readonly size: number;
  readonly etag: string;
  /** ISO 8601. */
  readonly modified: string;
}

/** Every object of a bucket, a page at a time. */
export async function* objectsOf(client: S3Client, bucket: string): AsyncGenerator<Listed> {
  let token: string | undefined;
  do {
    const page = await client.send(
      new ListObjectsV2Command({ Bucket: bucket, ContinuationToken: token, EncodingType: "url" }),
    );
    const decode = (key: string) =>
      page.EncodingType === "url" ? decodeURIComponent(key.replaceAll("+", " ")) : key;
    for (const { Key = "", Size = 0, ETag = "", LastModified } of page.Contents ?? []) {
      yield { key: decode(Key), size: Size, etag: ETag, modified: LastModified?.toISOString() ?? "" };
    }
    token = page.IsTruncated ? page.NextContinuationToken : undefined;
  } while (token !== undefined);
}

/**
 * Makes the target's buckets and objects those of the source. Throws at the first that can't be made the
 * same.
 */
export async function mirror(
  source: S3Client,
  target: S3Client,
  { signal, onObject }: MirrorOptions,
): Promise<BucketReport[]> {
  const reports: BucketReport[] = [];
  const wanted = await bucketNames(source);
  for (const bucket of wanted) await refuseVersions(source, bucket);
  for (const bucket of wanted) {
    const report: BucketReport = { bucket, objects: 0, bytes: 0, copied: 0, equal: 0, removed: 0 };
    await ensureBucket(target, bucket);
    await parallel(objectsOf(source, bucket), signal, async ({ key }) => {
      const done = await settle(source, target, { Bucket: bucket, Key: key }).catch(named(bucket, key));
      if (!done) return;
      count(report, done);
      onObject?.(bucket, report.objects, report.bytes);
    });
    await removeOthers(source, target, report, signal);
    reports.push(report);
  }
  const others = (await bucketNames(target)).filter((bucket) => !wanted.includes(bucket));
  for (const bucket of others) {
    const report: BucketReport = { bucket, objects: 0, bytes: 0, copied: 0, equal: 0, removed: 0 };
    await removeOthers(source, target, report, signal);
    if (report.removed > 0) reports.push(report);
  }
  return reports;
}

function count(report: BucketReport, { outcome, bytes }: Settled): void {
  report[outcome] += 1;
  report.objects += 1;
  report.bytes += bytes;
}

const named = (bucket: string, key: string) => (error: Error) => {
  if (error instanceof DatalabError) throw error;
  throw new DatalabError(
    "E_MIGRATE_COPY",
    `${bucket}/${key} could not be copied: ${error.name}: ${error.message}`,
    {
      cause: error,
    },
  );
};

/** Asked object by object: engines need not list in the same order. */
async function removeOthers(
  source: S3Client,
  target: S3Client,
  report: BucketReport,
  signal: AbortSignal,
): Promise<void> {
  const { bucket } = report;
  let there = 0;
  for await (const _ of objectsOf(target, bucket)) there += 1;
  if (there === report.objects) return;
  await parallel(objectsOf(target, bucket), signal, async ({ key }) => {
    const at = { Bucket: bucket, Key: key };
    const exists = await source.send(new HeadObjectCommand(at)).then(
      () => true,
      (error: unknown) => {
        if (statusOf(error) === 404) return false;
        throw error;
      },
    );
    if (exists) return;
    await target.send(new DeleteObjectCommand(at));
    report.removed += 1;
  });
  there = 0;
  for await (const _ of objectsOf(target, bucket)) there += 1;
  if (there !== report.objects) {
    throw new DatalabError(
      "E_MIGRATE_DIFFERS",
      `${bucket} has ${report.objects} objects in one engine, ${there} in the other.`,
    );
  }
}

export async function ensureBucket(target: S3Client, bucket: string): Promise<void> {
  try {
    await target.send(new HeadBucketCommand({ Bucket: bucket }));
  } catch (error) {
    if (statusOf(error) !== 404) throw error;
    await target.send(new CreateBucketCommand({ Bucket: bucket }));
  }
}

/**
 * Only the newest version of an object would be copied: that is not what somebody who keeps versions expects.
 */
async function refuseVersions(source: S3Client, bucket: string): Promise<void> {
  const { Status } = await source
    .send(new GetBucketVersioningCommand({ Bucket: bucket }))
    .catch((error: unknown) => {
      // An engine that was not set up to keep versions says so.
      if ((error as { name?: string }).name === "VersioningNotConfigured" || statusOf(error) === 501)
        return { Status: undefined };
      throw error;
    });
  if (Status === undefined) return;
  throw new DatalabError(
    "E_MIGRATE_VERSIONS",
    `The bucket ${bucket} has versioning, and old versions can't be moved.`,
    { hint: "Copy the old versions that you need, and empty the bucket." },
  );
}

/** Works on several objects at once; the first error stops it, when what is under way has ended. */
export async function parallel<T>(
  items: AsyncIterator<T> | Iterator<T>,
  signal: AbortSignal,
  work: (item: T) => Promise<void>,
): Promise<void> {
  let failure: unknown;
  const worker = async () => {
    while (failure === undefined) {
      if (signal.aborted) {
        failure = new DatalabError("E_INTERRUPTED", "Interrupted.");
        return;
      }
      const { value, done } = await items.next();
      if (done) return;
      await work(value).catch((error: unknown) => {
        failure ??= error;
      });
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  if (failure !== undefined) throw failure;
}
