import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { serviceCidr } from "../../cloud/subnets.ts";
import { createRole, trusts } from "./iam.ts";
import type { Keys } from "./keys.ts";
import type { Logs } from "./logs.ts";
import type { Network } from "./network.ts";
import { Part, type Stage } from "./stage.ts";

export interface Cluster {
  readonly eks: aws.eks.Cluster;
  /** The group of the control plane and of all nodes, which EKS makes. */
  readonly securityGroup: pulumi.Output<string>;
  /** A kubeconfig that asks the AWS command line for a token of whoever runs it: there is no secret in it. */
  readonly kubeconfig: pulumi.Output<string>;
}

export function createCluster(stage: Stage, keys: Keys, network: Network, logs: Logs): Cluster {
  const part = new Part("Cluster", "cluster", stage);
  const { account, name } = stage;
  const role = createRole(stage, part, "control-plane", {
    summary: "The control plane of the cluster",
    trust: trusts("eks.amazonaws.com", "sts:TagSession"),
    managed: ["AmazonEKSClusterPolicy"],
    policy: [
      {
        Effect: "Allow",
        Action: ["kms:Encrypt", "kms:Decrypt", "kms:DescribeKey", "kms:CreateGrant"],
        Resource: keys.cluster.arn,
      },
    ],
  });
  const eks = new aws.eks.Cluster(
    "cluster",
    {
      name,
      version: account.kubernetesVersion,
      roleArn: role.arn,
      // There is no way back from API to the map of old, and none is needed.
      accessConfig: { authenticationMode: "API", bootstrapClusterCreatorAdminPermissions: true },
      bootstrapSelfManagedAddons: false,
      deletionProtection: account.deletionProtection,
      upgradePolicy: { supportType: "STANDARD" },
      enabledClusterLogTypes: ["api", "audit", "authenticator", "controllerManager", "scheduler"],
      encryptionConfig: { provider: { keyArn: keys.cluster.arn }, resources: ["secrets"] },
      kubernetesNetworkConfig: { ipFamily: "ipv4", serviceIpv4Cidr: serviceCidr(account.vpcCidr) },
      vpcConfig: {
        subnetIds: network.subnets.private.map(({ id }) => id),
        endpointPrivateAccess: true,
        endpointPublicAccess: account.apiCidrs.length > 0,
        ...(account.apiCidrs.length > 0 && { publicAccessCidrs: [...account.apiCidrs] }),
      },
      tags: part.tags(),
    },
    {
      parent: part,
      protect: account.deletionProtection,
      dependsOn: [...role.ready, logs.cluster],
      customTimeouts: { create: "30m", update: "60m", delete: "30m" },
    },
  );
  account.accessRoles.forEach((principalArn, i) => {
    const suffix = `admin-${i + 1}`;
    const entry = new aws.eks.AccessEntry(
      part.child(suffix),
      { clusterName: eks.name, principalArn, type: "STANDARD", tags: part.tags(suffix) },
      { parent: part },
    );
    new aws.eks.AccessPolicyAssociation(
      part.child(suffix),
      {
        clusterName: eks.name,
        principalArn: entry.principalArn,
        policyArn: "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy",
        accessScope: { type: "cluster" },
      },
      { parent: part },
    );
  });
  part.done();
  return {
    eks,
    securityGroup: eks.vpcConfig.clusterSecurityGroupId,
    kubeconfig: pulumi
      .all([eks.endpoint, eks.certificateAuthority.data])
      .apply(([server, authority]) => kubeconfig(name, account.region, server, authority)),
  };
}

/** Who runs the program asks for a token with the credentials that the program itself runs with. */
export function kubeconfig(name: string, region: string, server: string, authority: string): string {
  const args = ["--region", region, "eks", "get-token", "--cluster-name", name, "--output", "json"];
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name, cluster: { server, "certificate-authority-data": authority } }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    "current-context": name,
    users: [
      {
        name,
        user: {
          exec: {
            apiVersion: "client.authentication.k8s.io/v1beta1",
            command: "aws",
            args,
            interactiveMode: "Never",
          },
        },
      },
    ],
  });
}
