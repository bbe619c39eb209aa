import type { S3Client } from "@aws-sdk/client-s3";
import { DatalabError } from "../../errors.ts";
import type { StoreEngine } from "../../services/object-store/engine.ts";
import { type EngineName, storeEngines } from "../../services/object-store.ts";
import { type BucketReport, bucketNames, objectsOf } from "../object-store/inventory.ts";

/** How many objects an error names. */
const maxShown = 10;

/** Counts what is there, and throws with every object that the engine could not keep under its name. */
export async function checkKeys(client: S3Client, to: EngineName): Promise<BucketReport[]> {
  const engine: StoreEngine = storeEngines[to];
  const buckets: BucketReport[] = [];
  const wrong: string[] = [];
  for (const bucket of await bucketNames(client)) {
    const report = { bucket, objects: 0, bytes: 0, copied: 0, equal: 0, removed: 0 };
    for await (const { key, size } of objectsOf(client, bucket)) {
      report.objects += 1;
      report.bytes += size;
      const why = engine.refusesKey?.(key, size);
      if (why !== undefined) wrong.push(`${bucket}/${JSON.stringify(key).slice(1, -1)}: ${why}`);
    }
    buckets.push(report);
  }
  if (wrong.length === 0) return buckets;
  const shown = wrong.slice(0, maxShown).join("\n  ");
  const more = wrong.length > maxShown ? `\n  and ${wrong.length - maxShown} more` : "";
  throw new DatalabError("E_MIGRATE_NAMES", `${to} can't keep these objects:\n  ${shown}${more}`, {
    hint: "Copy them to other names and delete these, then run the command again.",
  });
}
