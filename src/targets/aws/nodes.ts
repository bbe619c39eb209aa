import * as aws from "@pulumi/aws";
import type * as pulumi from "@pulumi/pulumi";
import type { NodeGroupSize } from "../../cloud/sizes.ts";
import type { Cluster } from "./cluster.ts";
import { createRole, type MadeRole, trusts } from "./iam.ts";
import type { Keys } from "./keys.ts";
import type { Network } from "./network.ts";
import { Part, type Stage } from "./stage.ts";

export interface Nodes {
  readonly role: MadeRole;
  readonly groups: Readonly<Record<"system" | "work", aws.eks.NodeGroup>>;
}

/**
 * Managed groups of nodes. `network` is what a node needs to become ready: add-ons without which none would.
 */
export function createNodes(
  stage: Stage,
  keys: Keys,
  network: Network,
  cluster: Cluster,
  addons: readonly pulumi.Resource[],
): Nodes {
  const part = new Part("Nodes", "nodes", stage);
  const role = createRole(stage, part, "node", {
    summary: "What nodes themselves may do; pods have identities of their own",
    trust: trusts("ec2.amazonaws.com"),
    managed: ["AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly"],
  });
  const group = (suffix: "system" | "work") => {
    const size = stage.size.nodes[suffix];
    const template = createTemplate(stage, part, suffix, size, keys);
    return new aws.eks.NodeGroup(
      part.child(suffix),
      {
        clusterName: cluster.eks.name,
        nodeGroupName: suffix,
        nodeRoleArn: role.arn,
        subnetIds: network.subnets.private.map(({ id }) => id),
        version: stage.account.kubernetesVersion,
        amiType: "AL2023_x86_64_STANDARD",
        capacityType: "ON_DEMAND",
        instanceTypes: [size.instanceType],
        scalingConfig: { minSize: size.min, desiredSize: size.desired, maxSize: size.max },
        updateConfig: { maxUnavailable: 1 },
        nodeRepairConfig: { enabled: true },
        launchTemplate: { id: template.id, version: template.latestVersion.apply(String) },
        labels: { "datalab.nodes": suffix },
        tags: part.tags(suffix),
      },
      {
        parent: part,
        // What moves the count is not the program.
        ignoreChanges: ["scalingConfig.desiredSize"],
        dependsOn: [...role.ready, ...network.ready, ...addons],
        customTimeouts: { create: "30m", update: "60m", delete: "30m" },
      },
    );
  };
  const groups = { system: group("system"), work: group("work") };
  part.done();
  return { role, groups };
}

function createTemplate(stage: Stage, part: Part, suffix: string, size: NodeGroupSize, keys: Keys) {
  const tags = part.tags(suffix);
  return new aws.ec2.LaunchTemplate(
    part.child(suffix),
    {
      name: `${stage.name}-${suffix}`,
      description: `Nodes ${suffix} of ${stage.name}`,
      updateDefaultVersion: true,
      ebsOptimized: "true",
      // One hop ends at the node: pods get nothing of its identity.
      metadataOptions: {
        httpEndpoint: "enabled",
        httpTokens: "required",
        httpPutResponseHopLimit: 1,
        instanceMetadataTags: "disabled",
      },
      monitoring: { enabled: true },
      blockDeviceMappings: [
        {
          deviceName: "/dev/xvda",
          ebs: {
            volumeType: "gp3",
            volumeSize: size.diskGiB,
            encrypted: "true",
            kmsKeyId: keys.cluster.arn,
            deleteOnTermination: "true",
          },
        },
      ],
      // What a template starts does not get the provider's tags.
      tagSpecifications: ["instance", "volume", "network-interface"].map((resourceType) => ({
        resourceType,
        tags,
      })),
      tags,
    },
    { parent: part },
  );
}
