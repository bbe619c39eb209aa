import { type Expected, tags } from "../fixture.ts";

/** Inputs of every resource of keys at size S, by kind and name. */
export const keys: Expected = {
  "Alias keys-cluster": { name: "alias/datalab-prod/cluster", targetKeyId: "key-keys-cluster" },
  "Alias keys-data": { name: "alias/datalab-prod/data", targetKeyId: "key-keys-data" },
  "Alias keys-database": { name: "alias/datalab-prod/database", targetKeyId: "key-keys-database" },
  "Alias keys-operations": { name: "alias/datalab-prod/operations", targetKeyId: "key-keys-operations" },
  "Key keys-cluster": {
    deletionWindowInDays: 30,
    description: "Secrets of the cluster, disks and images",
    enableKeyRotation: true,
    keyUsage: "ENCRYPT_DECRYPT",
    multiRegion: false,
    policy: {
      json: {
        Version: "2012-10-17",
        Statement: [
          {
            Sid: "Account",
            Effect: "Allow",
            Principal: { AWS: "arn:aws:iam::123456789012:root" },
            Action: "kms:*",
            Resource: "*",
          },
          {
            Sid: "Disks",
            Effect: "Allow",
            Principal: { AWS: "*" },
            Action: [
              "kms:Encrypt",
              "kms:Decrypt",
              "kms:ReEncryptFrom",
              "kms:ReEncryptTo",
              "kms:GenerateDataKey",
              "kms:DescribeKey",
              "kms:CreateGrant",
            ],
            Resource: "*",
            Condition: {
              StringEquals: {
                "kms:CallerAccount": "123456789012",
                "kms:ViaService": "ec2.eu-central-1.amazonaws.com",
              },
            },
          },
        ],
      },
    },
    rotationPeriodInDays: 365,
    tags: tags("keys-cluster"),
  },
  "Key keys-data": {
    deletionWindowInDays: 30,
    description: "Buckets and shared files",
    enableKeyRotation: true,
    keyUsage: "ENCRYPT_DECRYPT",
    multiRegion: false,
    policy: {
      json: {
        Version: "2012-10-17",
        Statement: [
          {
            Sid: "Account",
            Effect: "Allow",
            Principal: { AWS: "arn:aws:iam::123456789012:root" },
            Action: "kms:*",
            Resource: "*",
          },
        ],
      },
    },
    rotationPeriodInDays: 365,
    tags: tags("keys-data"),
  },
  "Key keys-database": {
    deletionWindowInDays: 30,
    description: "The database, its snapshots and its insights",
    enableKeyRotation: true,
    keyUsage: "ENCRYPT_DECRYPT",
    multiRegion: false,
    policy: {
      json: {
        Version: "2012-10-17",
        Statement: [
          {
            Sid: "Account",
            Effect: "Allow",
            Principal: { AWS: "arn:aws:iam::123456789012:root" },
            Action: "kms:*",
            Resource: "*",
          },
        ],
      },
    },
    rotationPeriodInDays: 365,
    tags: tags("keys-database"),
  },
  "Key keys-operations": {
    deletionWindowInDays: 30,
    description: "Logs, alarms and secrets",
    enableKeyRotation: true,
    keyUsage: "ENCRYPT_DECRYPT",
    multiRegion: false,
    policy: {
      json: {
        Version: "2012-10-17",
        Statement: [
          {
            Sid: "Account",
            Effect: "Allow",
            Principal: { AWS: "arn:aws:iam::123456789012:root" },
            Action: "kms:*",
            Resource: "*",
          },
          {
            Sid: "Logs",
            Effect: "Allow",
            Principal: { Service: "logs.eu-central-1.amazonaws.com" },
            Action: [
              "kms:Encrypt",
              "kms:Decrypt",
              "kms:ReEncryptFrom",
              "kms:ReEncryptTo",
              "kms:GenerateDataKey",
              "kms:DescribeKey",
            ],
            Resource: "*",
            Condition: {
              ArnLike: {
                "kms:EncryptionContext:aws:logs:arn": "arn:aws:logs:eu-central-1:123456789012:log-group:*",
              },
            },
          },
          {
            Sid: "Alarms",
            Effect: "Allow",
            Principal: { Service: ["cloudwatch.amazonaws.com", "budgets.amazonaws.com"] },
            Action: ["kms:Decrypt", "kms:GenerateDataKey"],
            Resource: "*",
            Condition: { StringEquals: { "aws:SourceAccount": "123456789012" } },
          },
        ],
      },
    },
    rotationPeriodInDays: 365,
    tags: tags("keys-operations"),
  },
};
