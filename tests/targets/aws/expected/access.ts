import { type Expected, tags } from "../fixture.ts";

/** Inputs of every resource of identities at size S, by kind and name. */
export const access: Expected = {
  "PodIdentityAssociation identities-core": {
    clusterName: "datalab-prod",
    namespace: "datalab-prod",
    roleArn: "arn:Role/identities-core",
    serviceAccount: "core",
    tags: tags("identities-core"),
  },
  "PodIdentityAssociation identities-prefect-register": {
    clusterName: "datalab-prod",
    namespace: "datalab-prod",
    roleArn: "arn:Role/identities-prefect-register",
    serviceAccount: "prefect-register",
    tags: tags("identities-prefect-register"),
  },
  "PodIdentityAssociation identities-prefect-worker": {
    clusterName: "datalab-prod",
    namespace: "datalab-prod",
    roleArn: "arn:Role/identities-prefect-worker",
    serviceAccount: "prefect-worker",
    tags: tags("identities-prefect-worker"),
  },
  "PodIdentityAssociation identities-prefect-worker-run": {
    clusterName: "datalab-prod",
    namespace: "datalab-prod",
    roleArn: "arn:Role/identities-prefect-worker-run",
    serviceAccount: "prefect-worker-run",
    tags: tags("identities-prefect-worker-run"),
  },
  "Role identities-core": {
    assumeRolePolicy: {
      json: {
        Version: "2012-10-17",
        Statement: [
          {
            Effect: "Allow",
            Principal: { Service: "pods.eks.amazonaws.com" },
            Action: ["sts:AssumeRole", "sts:TagSession"],
            Condition: {
              StringEquals: { "aws:SourceAccount": "123456789012" },
              ArnEquals: { "aws:SourceArn": "arn:Cluster/cluster" },
            },
          },
        ],
      },
    },
    description: "Buckets of core",
    maxSessionDuration: 3600,
    name: "datalab-prod-eu-central-1-identities-core",
    tags: tags("identities-core"),
  },
  "Role identities-prefect-register": {
    assumeRolePolicy: {
      json: {
        Version: "2012-10-17",
        Statement: [
          {
            Effect: "Allow",
            Principal: { Service: "pods.eks.amazonaws.com" },
            Action: ["sts:AssumeRole", "sts:TagSession"],
            Condition: {
              StringEquals: { "aws:SourceAccount": "123456789012" },
              ArnEquals: { "aws:SourceArn": "arn:Cluster/cluster" },
            },
          },
        ],
      },
    },
    description: "Buckets of prefect-register",
    maxSessionDuration: 3600,
    name: "datalab-prod-eu-central-1-identities-prefect-register",
    tags: tags("identities-prefect-register"),
  },
  "Role identities-prefect-worker": {
    assumeRolePolicy: {
      json: {
        Version: "2012-10-17",
        Statement: [
          {
            Effect: "Allow",
            Principal: { Service: "pods.eks.amazonaws.com" },
            Action: ["sts:AssumeRole", "sts:TagSession"],
            Condition: {
              StringEquals: { "aws:SourceAccount": "123456789012" },
              ArnEquals: { "aws:SourceArn": "arn:Cluster/cluster" },
            },
          },
        ],
      },
    },
    description: "Buckets of prefect-worker",
    maxSessionDuration: 3600,
    name: "datalab-prod-eu-central-1-identities-prefect-worker",
    tags: tags("identities-prefect-worker"),
  },
  "Role identities-prefect-worker-run": {
    assumeRolePolicy: {
      json: {
        Version: "2012-10-17",
        Statement: [
          {
            Effect: "Allow",
            Principal: { Service: "pods.eks.amazonaws.com" },
            Action: ["sts:AssumeRole", "sts:TagSession"],
            Condition: {
              StringEquals: { "aws:SourceAccount": "123456789012" },
              ArnEquals: { "aws:SourceArn": "arn:Cluster/cluster" },
            },
          },
        ],
      },
    },
    description: "Buckets of prefect-worker-run",
    maxSessionDuration: 3600,
    name: "datalab-prod-eu-central-1-identities-prefect-worker-run",
    tags: tags("identities-prefect-worker-run"),
  },
  "RolePolicy identities-core": {
    name: "own",
    policy: {
      json: {
        Version: "2012-10-17",
        Statement: [
          {
            Effect: "Allow",
            Action: ["s3:ListBucket", "s3:GetBucketLocation", "s3:ListBucketMultipartUploads"],
            Resource: [
              "arn:aws:s3:::datalab-prod-123456789012-bronze",
              "arn:aws:s3:::datalab-prod-123456789012-gold",
              "arn:aws:s3:::datalab-prod-123456789012-health",
              "arn:aws:s3:::datalab-prod-123456789012-silver",
            ],
          },
          {
            Effect: "Allow",
            Action: [
              "s3:GetObject",
              "s3:PutObject",
              "s3:DeleteObject",
              "s3:AbortMultipartUpload",
              "s3:ListMultipartUploadParts",
            ],
            Resource: [
              "arn:aws:s3:::datalab-prod-123456789012-bronze/*",
              "arn:aws:s3:::datalab-prod-123456789012-gold/*",
              "arn:aws:s3:::datalab-prod-123456789012-health/*",
              "arn:aws:s3:::datalab-prod-123456789012-silver/*",
            ],
          },
          { Effect: "Allow", Action: ["kms:Decrypt", "kms:GenerateDataKey"], Resource: "arn:Key/keys-data" },
        ],
      },
    },
    role: "datalab-prod-eu-central-1-identities-core",
  },
  "RolePolicy identities-prefect-register": {
    name: "own",
    policy: {
      json: {
        Version: "2012-10-17",
        Statement: [
          {
            Effect: "Allow",
            Action: ["s3:ListBucket", "s3:GetBucketLocation", "s3:ListBucketMultipartUploads"],
            Resource: [
              "arn:aws:s3:::datalab-prod-123456789012-artifacts",
              "arn:aws:s3:::datalab-prod-123456789012-bronze",
              "arn:aws:s3:::datalab-prod-123456789012-gold",
              "arn:aws:s3:::datalab-prod-123456789012-silver",
            ],
          },
          {
            Effect: "Allow",
            Action: [
              "s3:GetObject",
              "s3:PutObject",
              "s3:DeleteObject",
              "s3:AbortMultipartUpload",
              "s3:ListMultipartUploadParts",
            ],
            Resource: [
              "arn:aws:s3:::datalab-prod-123456789012-artifacts/*",
              "arn:aws:s3:::datalab-prod-123456789012-bronze/*",
              "arn:aws:s3:::datalab-prod-123456789012-gold/*",
              "arn:aws:s3:::datalab-prod-123456789012-silver/*",
            ],
          },
          { Effect: "Allow", Action: ["kms:Decrypt", "kms:GenerateDataKey"], Resource: "arn:Key/keys-data" },
        ],
      },
    },
    role: "datalab-prod-eu-central-1-identities-prefect-register",
  },
  "RolePolicy identities-prefect-worker": {
    name: "own",
    policy: {
      json: {
        Version: "2012-10-17",
        Statement: [
          {
            Effect: "Allow",
            Action: ["s3:ListBucket", "s3:GetBucketLocation", "s3:ListBucketMultipartUploads"],
            Resource: [
              "arn:aws:s3:::datalab-prod-123456789012-artifacts",
              "arn:aws:s3:::datalab-prod-123456789012-bronze",
              "arn:aws:s3:::datalab-prod-123456789012-gold",
              "arn:aws:s3:::datalab-prod-123456789012-silver",
            ],
          },
          {
            Effect: "Allow",
            Action: [
              "s3:GetObject",
              "s3:PutObject",
              "s3:DeleteObject",
              "s3:AbortMultipartUpload",
              "s3:ListMultipartUploadParts",
            ],
            Resource: [
              "arn:aws:s3:::datalab-prod-123456789012-artifacts/*",
              "arn:aws:s3:::datalab-prod-123456789012-bronze/*",
              "arn:aws:s3:::datalab-prod-123456789012-gold/*",
              "arn:aws:s3:::datalab-prod-123456789012-silver/*",
            ],
          },
          { Effect: "Allow", Action: ["kms:Decrypt", "kms:GenerateDataKey"], Resource: "arn:Key/keys-data" },
        ],
      },
    },
    role: "datalab-prod-eu-central-1-identities-prefect-worker",
  },
  "RolePolicy identities-prefect-worker-run": {
    name: "own",
    policy: {
      json: {
        Version: "2012-10-17",
        Statement: [
          {
            Effect: "Allow",
            Action: ["s3:ListBucket", "s3:GetBucketLocation", "s3:ListBucketMultipartUploads"],
            Resource: [
              "arn:aws:s3:::datalab-prod-123456789012-artifacts",
              "arn:aws:s3:::datalab-prod-123456789012-bronze",
              "arn:aws:s3:::datalab-prod-123456789012-gold",
              "arn:aws:s3:::datalab-prod-123456789012-silver",
            ],
          },
          {
            Effect: "Allow",
            Action: [
              "s3:GetObject",
              "s3:PutObject",
              "s3:DeleteObject",
              "s3:AbortMultipartUpload",
              "s3:ListMultipartUploadParts",
            ],
            Resource: [
              "arn:aws:s3:::datalab-prod-123456789012-artifacts/*",
              "arn:aws:s3:::datalab-prod-123456789012-bronze/*",
              "arn:aws:s3:::datalab-prod-123456789012-gold/*",
              "arn:aws:s3:::datalab-prod-123456789012-silver/*",
            ],
          },
          { Effect: "Allow", Action: ["kms:Decrypt", "kms:GenerateDataKey"], Resource: "arn:Key/keys-data" },
        ],
      },
    },
    role: "datalab-prod-eu-central-1-identities-prefect-worker-run",
  },
};
