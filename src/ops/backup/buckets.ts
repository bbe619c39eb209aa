import { DeleteObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { DatalabError } from "../../errors.ts";
import { contentHash, sameTraits, statusOf, traitsOf, writeObject } from "../object-store/copy.ts";
import { bucketNames, ensureBucket, objectsOf, parallel } from "../object-store/inventory.ts";
import type { Step } from "../reporter.ts";
import type { Archive } from "./archive.ts";
import type { BackupRecord, SavedBucket } from "./record.ts";
import type { DataSource } from "./source.ts";

interface WriteOptions {
  /** Whether every object that is written is read back and compared. */
  readonly readBack?: boolean;
  readonly signal: AbortSignal;
}

export interface WrittenObjects {
  readonly written: number;
  readonly equal: number;
  readonly removed: number;
}

/** Makes the buckets of a store what they are in a backup: what is not in it is removed. */
export async function restoreBuckets(
  archive: Archive,
  record: BackupRecord,
  { objects }: DataSource,
  options: WriteOptions,
  step: Pick<Step, "update">,
): Promise<[WrittenObjects, string]> {
  const { signal } = options;
  const count = { written: 0, equal: 0, removed: 0 };
  const { client } = objects;
  for (const bucket of record.buckets) {
    const name = objects.at(bucket.name);
    if (objects.own) await ensureBucket(client, name);
    await writeBucket(archive, bucket, client, name, options, (outcome) => {
      count[outcome] += 1;
      step.update(`${count.written + count.equal}, in ${bucket.name}`);
    });
  }
  const wanted = new Map(record.buckets.map((b) => [b.name, new Set(b.objects.map(({ key }) => key))]));
  const there = objects.own ? await bucketNames(client) : record.buckets.map(({ name }) => name);
  for (const name of there) {
    const keys = wanted.get(name);
    await parallel(objectsOf(client, objects.at(name)), signal, async ({ key }) => {
      if (keys?.has(key)) return;
      await client.send(new DeleteObjectCommand({ Bucket: objects.at(name), Key: key }));
      count.removed += 1;
    });
  }
  return [count, `${count.written} written, ${count.equal} already equal, ${count.removed} removed`];
}

async function writeBucket(
  archive: Archive,
  bucket: SavedBucket,
  client: S3Client,
  name: string,
  { signal, readBack = false }: WriteOptions,
  onObject: (outcome: "written" | "equal") => void,
): Promise<void> {
  const there = new Map<string, string>();
  for await (const { key, etag } of objectsOf(client, name)) there.set(key, etag);
  await parallel(bucket.objects.values(), signal, async (object) => {
    const { key, blob, sha256, etag, traits } = object;
    const at = { Bucket: name, Key: key };
    if (there.get(key) === etag) {
      const now = await traitsOf(client, at);
      if (now && sameTraits(now, traits)) return onObject("equal");
    }
    await writeObject(client, at, traits, await archive.blobs.open(blob)).catch((error: Error) => {
      throw new DatalabError(
        "E_RESTORE_OBJECT",
        `${name}/${key} could not be written (${statusOf(error) ?? error.name}): ${error.message}`,
        { cause: error },
      );
    });
    if (readBack && (await contentHash(client, at)) !== sha256)
      throw new DatalabError("E_RESTORE_OBJECT", `${name}/${key} differs after it was written.`);
    onObject("written");
  });
}
