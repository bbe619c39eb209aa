import type { BucketGrant } from "./needs.ts";
import type { Text } from "./refs.ts";

/** The layers of the lake, each a bucket of tables. */
export const lakeLayers = ["bronze", "silver", "gold"] as const;
/** Every bucket of the lake: in `artifacts` pipelines put reports and their own code. */
export const lakeBuckets = [...lakeLayers, "artifacts"] as const;

/** Whether a workload has an identity from its environment instead of a key for its buckets. */
export const isAmbient = (lake: BucketGrant): boolean => lake.accessKey === "";

/** Access to the lake as the library of pipelines reads it, see pipelines/datalab/settings.py. */
export function lakeEnv(lake: BucketGrant): Record<string, Text> {
  return {
    DATALAB_S3_ENDPOINT: lake.url,
    ...(isAmbient(lake)
      ? { DATALAB_S3_CREDENTIALS: "ambient" }
      : { DATALAB_S3_ACCESS_KEY: lake.accessKey, DATALAB_S3_SECRET_KEY: lake.secretKey }),
    DATALAB_S3_REGION: lake.region,
    ...Object.fromEntries(
      lake.names.map((name) => [
        `DATALAB_BUCKET_${name.slice((lake.prefix ?? "").length).toUpperCase()}`,
        name,
      ]),
    ),
  };
}
