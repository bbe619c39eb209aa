import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { PlatformModel } from "../../model/platform.ts";
import { document } from "./iam.ts";
import type { Keys } from "./keys.ts";
import { holdsData, Part, type Stage } from "./stage.ts";

/** Buckets that every stack has, beside those that needs ask for. */
const standing = ["backups"];

/** Names of a stack's buckets, without what stands before them. Empty where they are somebody else's. */
export function bucketsOf(model: PlatformModel): string[] {
  const { bucket } = model.external;
  if (!bucket || bucket.credentials) return [];
  const granted = model.services.flatMap((s) => s.workloads.flatMap((w) => w.buckets));
  const own = granted
    .filter((name) => name.startsWith(bucket.prefix))
    .map((name) => name.slice(bucket.prefix.length));
  return [...new Set([...standing, ...own])].sort();
}

/** Buckets: private, encrypted with a key of ours, versioned. They are kept when the stack goes. */
export function createBuckets(stage: Stage, keys: Keys): void {
  const { model } = stage;
  const prefix = model.external.bucket?.prefix ?? "";
  const part = new Part("Buckets", "buckets", stage);
  for (const name of bucketsOf(model)) createBucket(stage, part, keys, name, `${prefix}${name}`);
  part.done();
}

function createBucket(stage: Stage, part: Part, keys: Keys, suffix: string, name: string): void {
  const logical = part.child(suffix);
  const options = { parent: part };
  const bucket = new aws.s3.Bucket(
    logical,
    { bucket: name, forceDestroy: false, objectLockEnabled: false, tags: part.tags(suffix) },
    { ...options, ...holdsData(stage, "retain") },
  );
  const of = { bucket: bucket.bucket };
  const closed = new aws.s3.BucketPublicAccessBlock(
    logical,
    {
      ...of,
      blockPublicAcls: true,
      blockPublicPolicy: true,
      ignorePublicAcls: true,
      restrictPublicBuckets: true,
      skipDestroy: false,
    },
    options,
  );
  new aws.s3.BucketOwnershipControls(
    logical,
    { ...of, rule: { objectOwnership: "BucketOwnerEnforced" } },
    options,
  );
  const versioning = new aws.s3.BucketVersioning(
    logical,
    { ...of, versioningConfiguration: { status: "Enabled" } },
    options,
  );
  new aws.s3.BucketServerSideEncryptionConfiguration(
    logical,
    {
      ...of,
      rules: [
        {
          applyServerSideEncryptionByDefault: { sseAlgorithm: "aws:kms", kmsMasterKeyId: keys.data.arn },
          bucketKeyEnabled: true,
        },
      ],
    },
    options,
  );
  new aws.s3.BucketLifecycleConfiguration(
    logical,
    {
      ...of,
      rules: [
        {
          id: "left-behind",
          status: "Enabled",
          filter: { prefix: "" },
          abortIncompleteMultipartUpload: { daysAfterInitiation: 7 },
          noncurrentVersionExpiration: { noncurrentDays: stage.size.versionDays },
          expiration: { expiredObjectDeleteMarker: true },
        },
      ],
    },
    { ...options, dependsOn: [versioning] },
  );
  new aws.s3.BucketPolicy(
    logical,
    { ...of, policy: bucketPolicy(bucket.arn, keys.data.arn) },
    { ...options, dependsOn: [closed] },
  );
}

/**
 * What nobody may do, whoever they are. A put that says nothing of encryption is encrypted by the bucket's
 * own rule; one that asks for less, or for another key, is refused.
 */
export function bucketPolicy(arn: pulumi.Output<string>, key: pulumi.Output<string>): pulumi.Output<string> {
  const all = [arn, pulumi.interpolate`${arn}/*`];
  const objects = pulumi.interpolate`${arn}/*`;
  const deny = { Effect: "Deny", Principal: "*" } as const;
  return document(
    {
      Sid: "NoPlainHttp",
      ...deny,
      Action: "s3:*",
      Resource: all,
      Condition: { Bool: { "aws:SecureTransport": "false" } },
    },
    {
      Sid: "NoOldTls",
      ...deny,
      Action: "s3:*",
      Resource: all,
      Condition: { NumericLessThan: { "s3:TlsVersion": "1.2" } },
    },
    {
      Sid: "NoOtherEncryption",
      ...deny,
      Action: "s3:PutObject",
      Resource: objects,
      Condition: { StringNotEqualsIfExists: { "s3:x-amz-server-side-encryption": "aws:kms" } },
    },
    {
      Sid: "NoOtherKey",
      ...deny,
      Action: "s3:PutObject",
      Resource: objects,
      Condition: { StringNotEqualsIfExists: { "s3:x-amz-server-side-encryption-aws-kms-key-id": key } },
    },
  );
}
