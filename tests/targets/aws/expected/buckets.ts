import { accountId, type Expected, tags } from "../fixture.ts";

/** Inputs of the seven resources of a bucket at size S, by kind and name. */
export function bucket(name: string): Expected {
  const full = `datalab-prod-${accountId}-${name}`;
  const logical = `buckets-${name}`;
  const arn = `arn:Bucket/${logical}`;
  const all = [arn, `${arn}/*`];
  const deny = (Sid: string, Action: string, Resource: unknown, Condition: unknown) => ({
    Sid,
    Effect: "Deny",
    Principal: "*",
    Action,
    Resource,
    Condition,
  });
  return {
    [`Bucket ${logical}`]: {
      bucket: full,
      forceDestroy: false,
      objectLockEnabled: false,
      tags: tags(logical),
    },
    [`BucketPublicAccessBlock ${logical}`]: {
      bucket: full,
      blockPublicAcls: true,
      blockPublicPolicy: true,
      ignorePublicAcls: true,
      restrictPublicBuckets: true,
      skipDestroy: false,
    },
    [`BucketOwnershipControls ${logical}`]: {
      bucket: full,
      rule: { objectOwnership: "BucketOwnerEnforced" },
    },
    [`BucketVersioning ${logical}`]: { bucket: full, versioningConfiguration: { status: "Enabled" } },
    [`BucketServerSideEncryptionConfiguration ${logical}`]: {
      bucket: full,
      rules: [
        {
          applyServerSideEncryptionByDefault: {
            sseAlgorithm: "aws:kms",
            kmsMasterKeyId: "arn:Key/keys-data",
          },
          bucketKeyEnabled: true,
        },
      ],
    },
    [`BucketLifecycleConfiguration ${logical}`]: {
      bucket: full,
      rules: [
        {
          id: "left-behind",
          status: "Enabled",
          filter: { prefix: "" },
          abortIncompleteMultipartUpload: { daysAfterInitiation: 7 },
          noncurrentVersionExpiration: { noncurrentDays: 14 },
          expiration: { expiredObjectDeleteMarker: true },
        },
      ],
    },
    [`BucketPolicy ${logical}`]: {
      bucket: full,
      policy: {
        json: {
          Version: "2012-10-17",
          Statement: [
            deny("NoPlainHttp", "s3:*", all, { Bool: { "aws:SecureTransport": "false" } }),
            deny("NoOldTls", "s3:*", all, { NumericLessThan: { "s3:TlsVersion": "1.2" } }),
            deny("NoOtherEncryption", "s3:PutObject", `${arn}/*`, {
              StringNotEqualsIfExists: { "s3:x-amz-server-side-encryption": "aws:kms" },
            }),
            deny("NoOtherKey", "s3:PutObject", `${arn}/*`, {
              StringNotEqualsIfExists: {
                "s3:x-amz-server-side-encryption-aws-kms-key-id": "arn:Key/keys-data",
              },
            }),
          ],
        },
      },
    },
  };
}
