import * as aws from "@pulumi/aws";
import type * as pulumi from "@pulumi/pulumi";
import type { Cluster } from "./cluster.ts";
import { document } from "./iam.ts";
import type { Keys } from "./keys.ts";
import type { Network } from "./network.ts";
import { holdsData, Part, type Stage } from "./stage.ts";

export interface Files {
  readonly system: aws.efs.FileSystem;
  readonly ready: readonly pulumi.Resource[];
}

/** People's own files: a file system that follows a notebook from zone to zone, which a disk can't. */
export function createFiles(stage: Stage, keys: Keys, network: Network, cluster: Cluster): Files {
  const part = new Part("Files", "files", stage);
  const options = { parent: part };
  const system = new aws.efs.FileSystem(
    "files",
    {
      creationToken: stage.name,
      encrypted: true,
      kmsKeyId: keys.data.arn,
      performanceMode: "generalPurpose",
      throughputMode: "elastic",
      lifecyclePolicies: [
        { transitionToIa: "AFTER_30_DAYS" },
        { transitionToPrimaryStorageClass: "AFTER_1_ACCESS" },
      ],
      tags: part.tags(),
    },
    { ...options, ...holdsData(stage, "retain") },
  );
  new aws.efs.BackupPolicy(
    "files",
    { fileSystemId: system.id, backupPolicy: { status: "ENABLED" } },
    options,
  );
  new aws.efs.FileSystemPolicy(
    "files",
    {
      fileSystemId: system.id,
      bypassPolicyLockoutSafetyCheck: false,
      policy: document(
        {
          Sid: "Mount",
          Effect: "Allow",
          Principal: { AWS: "*" },
          Action: ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"],
          Resource: system.arn,
          Condition: { Bool: { "elasticfilesystem:AccessedViaMountTarget": "true" } },
        },
        {
          Sid: "NoPlainText",
          Effect: "Deny",
          Principal: { AWS: "*" },
          Action: "*",
          Resource: system.arn,
          Condition: { Bool: { "aws:SecureTransport": "false" } },
        },
      ),
    },
    options,
  );
  const group = new aws.ec2.SecurityGroup(
    "files",
    { name: `${stage.name}-files`, description: "Shared files", vpcId: network.vpc.id, tags: part.tags() },
    options,
  );
  const rule = new aws.vpc.SecurityGroupIngressRule(
    "files",
    {
      securityGroupId: group.id,
      description: "NFS from nodes",
      referencedSecurityGroupId: cluster.securityGroup,
      ipProtocol: "tcp",
      fromPort: 2049,
      toPort: 2049,
      tags: part.tags(),
    },
    options,
  );
  const targets = network.subnets.data.map(
    (subnet, i) =>
      new aws.efs.MountTarget(
        part.child(stage.account.zones[i]?.slice(-1) as string),
        { fileSystemId: system.id, subnetId: subnet.id, securityGroups: [group.id] },
        options,
      ),
  );
  part.done();
  return { system, ready: [...targets, rule] };
}
