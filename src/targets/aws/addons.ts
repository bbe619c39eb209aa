import * as aws from "@pulumi/aws";
import type * as pulumi from "@pulumi/pulumi";
import type { Cluster } from "./cluster.ts";
import { createRole, type MadeRole, type Statement, trustsPods } from "./iam.ts";
import type { Keys } from "./keys.ts";
import type { Nodes } from "./nodes.ts";
import { Part, type Stage } from "./stage.ts";

/**
 * What EKS installs and keeps up to date: without the first three no node becomes ready, the others run on
 * nodes.
 */

interface AddonArgs {
  readonly role?: MadeRole;
  readonly serviceAccount?: string;
  readonly values?: unknown;
  readonly after?: readonly pulumi.Resource[];
}

function addonOf(part: Part, cluster: Cluster) {
  return (name: string, { role, serviceAccount, values, after = [] }: AddonArgs = {}) =>
    new aws.eks.Addon(
      part.child(name),
      {
        clusterName: cluster.eks.name,
        addonName: name,
        resolveConflictsOnCreate: "OVERWRITE",
        resolveConflictsOnUpdate: "OVERWRITE",
        preserve: false,
        ...(role && serviceAccount && { podIdentityAssociations: [{ roleArn: role.arn, serviceAccount }] }),
        ...(values !== undefined && { configurationValues: JSON.stringify(values) }),
        tags: part.tags(name),
      },
      { parent: part, dependsOn: [...after, ...(role?.ready ?? [])] },
    );
}

/** Network, addresses and identities of pods. */
export function createNodeAddons(stage: Stage, cluster: Cluster): pulumi.Resource[] {
  const part = new Part("NodeAddons", "node-addons", stage);
  const addon = addonOf(part, cluster);
  const cni = createRole(stage, part, "vpc-cni", {
    summary: "Gives pods their addresses",
    trust: trustsPods(stage.account.accountId, cluster.eks.arn),
    managed: ["AmazonEKS_CNI_Policy"],
  });
  const made = [
    addon("vpc-cni", {
      role: cni,
      serviceAccount: "aws-node",
      // Network rules are enforced by it; without this they would be written and mean nothing.
      values: {
        enableNetworkPolicy: "true",
        env: { ENABLE_PREFIX_DELEGATION: "true", WARM_PREFIX_TARGET: "1" },
      },
    }),
    addon("kube-proxy"),
    addon("eks-pod-identity-agent"),
  ];
  part.done();
  return made;
}

/** Names, disks, shared files and figures. */
export function createClusterAddons(
  stage: Stage,
  keys: Keys,
  cluster: Cluster,
  nodes: Nodes,
): pulumi.Resource[] {
  const part = new Part("Addons", "addons", stage);
  const addon = addonOf(part, cluster);
  const after = Object.values(nodes.groups);
  const trust = trustsPods(stage.account.accountId, cluster.eks.arn);
  const ebs = createRole(stage, part, "ebs", {
    summary: "Creates and mounts disks of pods",
    trust,
    managed: ["service-role/AmazonEBSCSIDriverPolicy"],
    policy: diskKeyPolicy(keys),
  });
  const efs = createRole(stage, part, "efs", {
    summary: "Creates and mounts shared folders of pods",
    trust,
    managed: ["service-role/AmazonEFSCSIDriverPolicy"],
  });
  const made = [
    addon("coredns", { after }),
    addon("aws-ebs-csi-driver", { role: ebs, serviceAccount: "ebs-csi-controller-sa", after }),
    addon("aws-efs-csi-driver", { role: efs, serviceAccount: "efs-csi-controller-sa", after }),
    addon("metrics-server", { after }),
  ];
  part.done();
  return made;
}

const diskKeyPolicy = (keys: Keys): Statement[] => [
  {
    Effect: "Allow",
    Action: ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKeyWithoutPlaintext", "kms:DescribeKey"],
    Resource: keys.cluster.arn,
  },
  {
    Effect: "Allow",
    Action: ["kms:CreateGrant", "kms:ListGrants", "kms:RevokeGrant"],
    Resource: keys.cluster.arn,
    Condition: { Bool: { "kms:GrantIsForAWSResource": "true" } },
  },
];
