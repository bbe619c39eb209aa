import * as aws from "@pulumi/aws";
import * as k8s from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { karpenterChart } from "./charts.ts";
import type { Cluster } from "./cluster.ts";
import { release } from "./controllers.ts";
import { createRole, document, type Statement, trustsPods } from "./iam.ts";
import { poolSpec } from "./karpenter-pool.ts";
import type { Keys } from "./keys.ts";
import type { Nodes } from "./nodes.ts";
import { registryHost } from "./registry.ts";
import { Part, type Stage, stackTags } from "./stage.ts";

/**
 * Nodes for what finds no place in the groups, bought when they are needed and given back when they are not.
 */

const events: Readonly<Record<string, object>> = {
  health: { source: ["aws.health"], "detail-type": ["AWS Health Event"] },
  spot: { source: ["aws.ec2"], "detail-type": ["EC2 Spot Instance Interruption Warning"] },
  rebalance: { source: ["aws.ec2"], "detail-type": ["EC2 Instance Rebalance Recommendation"] },
  state: { source: ["aws.ec2"], "detail-type": ["EC2 Instance State-change Notification"] },
};

export function createKarpenter(
  stage: Stage,
  keys: Keys,
  cluster: Cluster,
  nodes: Nodes,
  provider: k8s.Provider,
): pulumi.Resource[] {
  const part = new Part("Karpenter", "karpenter", stage);
  const { name, account } = stage;
  const queue = createQueue(stage, part);
  const role = createRole(stage, part, "controller", {
    summary: "Starts and ends nodes",
    trust: trustsPods(account.accountId, cluster.eks.arn),
    policy: karpenterPolicy(stage, queue.arn, nodes.role.arn, cluster.eks.arn),
  });
  const association = new aws.eks.PodIdentityAssociation(
    part.child("controller"),
    {
      clusterName: cluster.eks.name,
      namespace: "kube-system",
      serviceAccount: "karpenter",
      roleArn: role.arn,
      tags: part.tags("controller"),
    },
    { parent: part, dependsOn: [...role.ready] },
  );
  const profile = new aws.iam.InstanceProfile(
    part.child("node"),
    { name: `${name}-karpenter-node`, role: nodes.role.name, tags: part.tags("node") },
    { parent: part },
  );
  const installed = release(
    stage,
    part,
    karpenterChart,
    {
      settings: { clusterName: name, interruptionQueue: queue.name },
      controller: {
        image: {
          repository: `${registryHost(account)}/${name}/${karpenterChart.images[0]}`,
          tag: karpenterChart.tag,
        },
      },
      serviceAccount: { create: true, name: "karpenter" },
    },
    { provider, dependsOn: [association] },
  );
  const pool = createPool(stage, part, keys, profile, provider, installed);
  part.done();
  return [installed, ...pool];
}

/** What AWS says of nodes before it takes them away. */
function createQueue(stage: Stage, part: Part): aws.sqs.Queue {
  const queue = new aws.sqs.Queue(
    part.child("events"),
    {
      name: `${stage.name}-karpenter`,
      messageRetentionSeconds: 300,
      sqsManagedSseEnabled: true,
      tags: part.tags("events"),
    },
    { parent: part },
  );
  const rules = Object.entries(events).map(([event, pattern]) => {
    const rule = new aws.cloudwatch.EventRule(
      part.child(event),
      {
        name: `${stage.name}-karpenter-${event}`,
        eventPattern: JSON.stringify(pattern),
        tags: part.tags(event),
      },
      { parent: part },
    );
    new aws.cloudwatch.EventTarget(part.child(event), { rule: rule.name, arn: queue.arn }, { parent: part });
    return rule.arn;
  });
  new aws.sqs.QueuePolicy(
    part.child("events"),
    {
      queueUrl: queue.url,
      policy: document(
        {
          Sid: "Events",
          Effect: "Allow",
          Principal: { Service: "events.amazonaws.com" },
          Action: "sqs:SendMessage",
          Resource: queue.arn,
          Condition: { ArnEquals: { "aws:SourceArn": rules } },
        },
        {
          Sid: "NoPlainText",
          Effect: "Deny",
          Principal: "*",
          Action: "sqs:*",
          Resource: queue.arn,
          Condition: { Bool: { "aws:SecureTransport": "false" } },
        },
      ),
    },
    { parent: part },
  );
  return queue;
}

function karpenterPolicy(
  { account: { region, accountId }, name }: Stage,
  queue: pulumi.Input<string>,
  nodeRole: pulumi.Input<string>,
  cluster: pulumi.Input<string>,
): Statement[] {
  const ec2 = (what: string) => `arn:aws:ec2:${region}:${accountId}:${what}/*`;
  const launched = [
    "fleet",
    "instance",
    "volume",
    "network-interface",
    "launch-template",
    "spot-instances-request",
  ].map(ec2);
  const owned = { [`aws:RequestTag/kubernetes.io/cluster/${name}`]: "owned" };
  const ownedAlready = { [`aws:ResourceTag/kubernetes.io/cluster/${name}`]: "owned" };
  return [
    {
      Sid: "UseInLaunch",
      Effect: "Allow",
      Action: ["ec2:RunInstances", "ec2:CreateFleet"],
      Resource: [
        ...[ec2("subnet"), ec2("security-group"), ec2("capacity-reservation")],
        ...[`arn:aws:ec2:${region}::image/*`, `arn:aws:ec2:${region}::snapshot/*`],
      ],
    },
    {
      Sid: "Launch",
      Effect: "Allow",
      Action: ["ec2:RunInstances", "ec2:CreateFleet", "ec2:CreateLaunchTemplate"],
      Resource: launched,
      Condition: { StringEquals: owned },
    },
    {
      Sid: "LaunchFromTemplate",
      Effect: "Allow",
      Action: ["ec2:RunInstances", "ec2:CreateFleet"],
      Resource: ec2("launch-template"),
      Condition: { StringEquals: ownedAlready },
    },
    {
      Sid: "Tag",
      Effect: "Allow",
      Action: "ec2:CreateTags",
      Resource: launched,
      Condition: {
        StringEquals: {
          ...owned,
          "ec2:CreateAction": ["RunInstances", "CreateFleet", "CreateLaunchTemplate"],
        },
      },
    },
    {
      Sid: "End",
      Effect: "Allow",
      Action: ["ec2:TerminateInstances", "ec2:DeleteLaunchTemplate"],
      Resource: [ec2("instance"), ec2("launch-template")],
      Condition: { StringEquals: ownedAlready },
    },
    {
      Sid: "Read",
      Effect: "Allow",
      Action: [
        "ec2:DescribeCapacityReservations",
        "ec2:DescribeImages",
        "ec2:DescribeInstances",
        "ec2:DescribeInstanceTypeOfferings",
        "ec2:DescribeInstanceTypes",
        "ec2:DescribeLaunchTemplates",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSpotPriceHistory",
        "ec2:DescribeSubnets",
        "pricing:GetProducts",
      ],
      Resource: "*",
    },
    {
      Sid: "Images",
      Effect: "Allow",
      Action: "ssm:GetParameter",
      Resource: `arn:aws:ssm:${region}::parameter/aws/service/*`,
    },
    {
      Sid: "Events",
      Effect: "Allow",
      Action: ["sqs:DeleteMessage", "sqs:GetQueueUrl", "sqs:ReceiveMessage"],
      Resource: queue,
    },
    {
      Sid: "Role",
      Effect: "Allow",
      Action: "iam:PassRole",
      Resource: nodeRole,
      Condition: { StringEquals: { "iam:PassedToService": "ec2.amazonaws.com" } },
    },
    {
      Sid: "Profile",
      Effect: "Allow",
      Action: "iam:GetInstanceProfile",
      Resource: `arn:aws:iam::${accountId}:instance-profile/${name}-karpenter-node`,
    },
    { Sid: "Cluster", Effect: "Allow", Action: "eks:DescribeCluster", Resource: cluster },
  ];
}

function createPool(
  stage: Stage,
  part: Part,
  keys: Keys,
  profile: aws.iam.InstanceProfile,
  provider: k8s.Provider,
  installed: pulumi.Resource,
): pulumi.Resource[] {
  const { name, size } = stage;
  const options = { parent: part, provider, dependsOn: [installed], customTimeouts: { delete: "15m" } };
  const labels = stackTags(stage.model.stack);
  const kind = new k8s.apiextensions.CustomResource(
    part.child("nodes"),
    {
      apiVersion: "karpenter.k8s.aws/v1",
      kind: "EC2NodeClass",
      metadata: { name: "default", labels },
      spec: {
        amiSelectorTerms: [{ alias: "al2023@latest" }],
        instanceProfile: profile.name,
        subnetSelectorTerms: [{ tags: { "karpenter.sh/discovery": name } }],
        securityGroupSelectorTerms: [{ tags: { "aws:eks:cluster-name": name } }],
        metadataOptions: { httpEndpoint: "enabled", httpTokens: "required", httpPutResponseHopLimit: 1 },
        blockDeviceMappings: [
          {
            deviceName: "/dev/xvda",
            ebs: {
              volumeType: "gp3",
              volumeSize: `${size.nodes.work.diskGiB}Gi`,
              encrypted: true,
              kmsKeyID: keys.cluster.arn,
              deleteOnTermination: true,
            },
          },
        ],
        tags: { ...labels, Name: `${name}-karpenter` },
      },
    },
    options,
  );
  const pool = new k8s.apiextensions.CustomResource(
    part.child("pool"),
    {
      apiVersion: "karpenter.sh/v1",
      kind: "NodePool",
      metadata: { name: "default", labels },
      spec: poolSpec(size.karpenterCpu),
    },
    { ...options, dependsOn: [installed, kind] },
  );
  return [kind, pool];
}
