import { docker, labelOf, type ResourceRule, show } from "./rule.ts";

const leastDays = 7;

export const dataIsKept: ResourceRule = {
  name: "data-is-kept",
  summary: "Resources with data are kept after a destroy, protected, or backed up.",
  check(resource) {
    const { type, props } = resource;
    switch (type) {
      case docker.volume:
        // Docker gives a random name to a volume that has none: nobody would find it again.
        return labelOf(resource, "datalab.role") === "data" && !/^datalab-/.test(props.name ?? "")
          ? [`expected a volume with data to have a fixed name datalab-..., received ${show(props.name)}`]
          : [];
      case "kubernetes:apps/v1:StatefulSet": {
        if ((props.spec?.volumeClaimTemplates ?? []).length === 0) return [];
        const policy = props.spec?.persistentVolumeClaimRetentionPolicy ?? {};
        return ["whenDeleted", "whenScaled"]
          .filter((when) => (policy[when] ?? "Retain") !== "Retain")
          .map((when) => `expected ${when}: Retain of its claims, received ${show(policy[when])}`);
      }
      case "aws:rds/instance:Instance":
      case "aws:rds/cluster:Cluster":
        return [
          ...(props.deletionProtection === true ? [] : ["expected deletionProtection, received none"]),
          ...(props.backupRetentionPeriod >= leastDays
            ? []
            : [
                `expected backups of at least ${leastDays} days, received ${show(props.backupRetentionPeriod)}`,
              ]),
          ...(props.skipFinalSnapshot === true
            ? ["expected a final snapshot, received skipFinalSnapshot"]
            : []),
        ];
      case "aws:s3/bucket:Bucket":
      case "aws:s3/bucketV2:BucketV2":
        return props.forceDestroy === true ? ["expected forceDestroy: false, received true"] : [];
      default:
        return [];
    }
  },
};
