import * as aws from "@pulumi/aws";
import type { Statement } from "./iam.ts";
import { document } from "./iam.ts";
import { holdsData, Part, type Stage } from "./stage.ts";

/** Keys of our own, turned over once a year: who may read data is said by who may use its key. */
export interface Keys {
  /** Buckets and shared files. */
  readonly data: aws.kms.Key;
  readonly database: aws.kms.Key;
  /** Secrets in the cluster, disks of nodes and volumes, images. */
  readonly cluster: aws.kms.Key;
  /** Logs, alarms and the secrets that people fetch. */
  readonly operations: aws.kms.Key;
}

const use = [
  "kms:Encrypt",
  "kms:Decrypt",
  "kms:ReEncryptFrom",
  "kms:ReEncryptTo",
  "kms:GenerateDataKey",
  "kms:DescribeKey",
];

export function createKeys(stage: Stage): Keys {
  const part = new Part("Keys", "keys", stage);
  const { accountId, region } = stage.account;
  /** In a key's own policy, `*` is this key. Whoever IAM allows in the account may use it. */
  const owner: Statement = {
    Sid: "Account",
    Effect: "Allow",
    Principal: { AWS: `arn:aws:iam::${accountId}:root` },
    Action: "kms:*",
    Resource: "*",
  };
  const create = (name: string, description: string, ...more: readonly Statement[]) => {
    const key = new aws.kms.Key(
      part.child(name),
      {
        description,
        keyUsage: "ENCRYPT_DECRYPT",
        enableKeyRotation: true,
        rotationPeriodInDays: 365,
        deletionWindowInDays: 30,
        multiRegion: false,
        policy: document(owner, ...more),
        tags: part.tags(name),
      },
      { parent: part, ...holdsData(stage, "retain") },
    );
    new aws.kms.Alias(
      part.child(name),
      { name: `alias/${stage.name}/${name}`, targetKeyId: key.keyId },
      { parent: part },
    );
    return key;
  };
  const keys = {
    data: create("data", "Buckets and shared files"),
    database: create("database", "The database, its snapshots and its insights"),
    cluster: create("cluster", "Secrets of the cluster, disks and images", {
      // Auto Scaling starts nodes in the account's name, by a role that may not exist yet.
      Sid: "Disks",
      Effect: "Allow",
      Principal: { AWS: "*" },
      Action: [...use, "kms:CreateGrant"],
      Resource: "*",
      Condition: {
        StringEquals: { "kms:CallerAccount": accountId, "kms:ViaService": `ec2.${region}.amazonaws.com` },
      },
    }),
    operations: create(
      "operations",
      "Logs, alarms and secrets",
      {
        Sid: "Logs",
        Effect: "Allow",
        Principal: { Service: `logs.${region}.amazonaws.com` },
        Action: use,
        Resource: "*",
        Condition: {
          ArnLike: {
            "kms:EncryptionContext:aws:logs:arn": `arn:aws:logs:${region}:${accountId}:log-group:*`,
          },
        },
      },
      {
        Sid: "Alarms",
        Effect: "Allow",
        Principal: { Service: ["cloudwatch.amazonaws.com", "budgets.amazonaws.com"] },
        Action: ["kms:Decrypt", "kms:GenerateDataKey"],
        Resource: "*",
        Condition: { StringEquals: { "aws:SourceAccount": accountId } },
      },
    ),
  };
  part.done();
  return keys;
}
