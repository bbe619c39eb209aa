import { type Resource, type ResourceRule, type StackRule, show } from "./rule.ts";

/** Where each kind says that it is encrypted at rest. */
const fields: Readonly<Record<string, string>> = {
  "aws:rds/instance:Instance": "storageEncrypted",
  "aws:rds/cluster:Cluster": "storageEncrypted",
  "aws:efs/fileSystem:FileSystem": "encrypted",
  "aws:ebs/volume:Volume": "encrypted",
};

export const encrypted: ResourceRule = {
  name: "encrypted",
  summary: "Disks, databases and file systems are encrypted at rest.",
  check({ type, props }) {
    const field = fields[type];
    if (field !== undefined && props[field] !== true)
      return [`expected ${field}: true, received ${show(props[field])}`];
    if (type === "aws:eks/cluster:Cluster" && !props.encryptionConfig)
      return ["expected an encryptionConfig for the cluster's secrets, received none"];
    if (type === "kubernetes:storage.k8s.io/v1:StorageClass" && props.provisioner === "ebs.csi.aws.com")
      return props.parameters?.encrypted === "true"
        ? []
        : [`expected parameters.encrypted: "true", received ${show(props.parameters?.encrypted)}`];
    return [];
  },
};

const isBucket = ({ type }: Resource): boolean => /^aws:s3\/bucket(?:V2)?:Bucket(?:V2)?$/.test(type);
const blocks = ["blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"] as const;

export const noPublicAccess: ResourceRule = {
  name: "no-public-access",
  summary: "No bucket and no database is public.",
  check(resource) {
    const { type, props } = resource;
    if (isBucket(resource) && /^public-/.test(props.acl ?? ""))
      return [`expected a private bucket, received acl ${show(props.acl)}`];
    if (type === "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock") {
      return blocks
        .filter((field) => props[field] !== true)
        .map((field) => `expected ${field}: true, received ${show(props[field])}`);
    }
    if (type.startsWith("aws:rds/") && props.publiclyAccessible === true)
      return ["expected publiclyAccessible: false, received true"];
    return [];
  },
};

const guards = [
  { type: /^aws:s3\/bucketPublicAccessBlock:/, what: "a BucketPublicAccessBlock" },
  {
    type: /^aws:s3\/bucketServerSideEncryptionConfiguration/,
    what: "a BucketServerSideEncryptionConfiguration",
  },
  { type: /^aws:s3\/bucketVersioning/, what: "a BucketVersioning" },
] as const;

export const bucketsAreGuarded: StackRule = {
  name: "buckets-are-guarded",
  summary: "Every bucket is encrypted, versioned and private.",
  checkAll(resources) {
    return resources.filter(isBucket).flatMap(({ name, props }) => {
      // An id that is not known yet: what guards a bucket is then told by its own name, which begins with the
      // bucket's.
      const belongs = (guard: Resource) =>
        guard.name === name ||
        guard.name.startsWith(`${name}-`) ||
        (props.bucket !== undefined && guard.props.bucket === props.bucket);
      return guards
        .filter(({ type }) => !resources.some((r) => type.test(r.type) && belongs(r)))
        .map(({ what }) => ({ resource: name, message: `expected ${what} for the bucket, received none` }));
    });
  },
};
