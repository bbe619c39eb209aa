import { DatalabError } from "../../errors.ts";
import { statusOf } from "../object-store/copy.ts";
import type { LockEntry, LockPlace } from "../shared-lock.ts";
import { locationText, type S3Location, stateSibling } from "./state-location.ts";
import { withStateClient } from "./state-s3.ts";

/**
 * The lock of a stack beside its state, for a state in S3: an object that is written only where its ETag is
 * the known one. undefined: the state is a folder of this machine.
 */
export function stateLock(project: string, stack: string): LockPlace | undefined {
  const place = stateSibling(project, "locks");
  return place.kind === "s3" ? objectLock(place, stack) : undefined;
}

function objectLock(place: S3Location, stack: string): LockPlace {
  const at = { Bucket: place.bucket, Key: `${place.prefix}/${stack}.json` };
  const name = locationText(place);
  const failed = (error: Error) =>
    new DatalabError("E_LOCK_STORE", `The lock in ${name} can't be reached: ${error.message}`, {
      hint: "It is beside the stack's state and needs the same access to its bucket; the store must know conditional writes (If-Match, If-None-Match).",
      cause: error,
    });
  const put = (
    entry: LockEntry,
    condition: { readonly IfMatch: string } | { readonly IfNoneMatch: "*" },
  ): Promise<string | undefined> =>
    withStateClient(place, failed, async (s3, client) => {
      try {
        const written = await client.send(
          new s3.PutObjectCommand({
            ...at,
            ...condition,
            Body: JSON.stringify(entry),
            ContentType: "application/json",
          }),
        );
        return written.ETag;
      } catch (error) {
        if (statusOf(error) === 412 || statusOf(error) === 409 || statusOf(error) === 404) return undefined;
        throw error;
      }
    });
  return {
    name,
    create: (entry) => put(entry, { IfNoneMatch: "*" }),
    read: () =>
      withStateClient(place, failed, async (s3, client) => {
        try {
          const found = await client.send(new s3.GetObjectCommand(at));
          return {
            entry: parseEntry((await found.Body?.transformToString()) ?? ""),
            version: found.ETag ?? "",
          };
        } catch (error) {
          if (statusOf(error) === 404) return undefined;
          throw error;
        }
      }),
    renew: (entry, version) => put(entry, { IfMatch: version }),
    replace: (entry, version) => put(entry, { IfMatch: version }),
    async release(version, dead = []) {
      // Not deleted: not every store deletes under a condition.
      await put({ holder: null, beat: new Date().toISOString(), dead }, { IfMatch: version });
    },
  };
}

function parseEntry(text: string): LockEntry | undefined {
  try {
    const entry = JSON.parse(text) as LockEntry;
    return "holder" in entry && typeof entry.beat === "string" ? entry : undefined;
  } catch {
    return undefined;
  }
}
