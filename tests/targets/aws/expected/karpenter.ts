import { type Expected, tags } from "../fixture.ts";

/** Inputs of every resource of karpenter at size S, by kind and name. */
export const karpenter: Expected = {
  "EventRule karpenter-health": {
    eventPattern: { json: { source: ["aws.health"], "detail-type": ["AWS Health Event"] } },
    name: "datalab-prod-karpenter-health",
    tags: tags("karpenter-health"),
  },
  "EventRule karpenter-rebalance": {
    eventPattern: { json: { source: ["aws.ec2"], "detail-type": ["EC2 Instance Rebalance Recommendation"] } },
    name: "datalab-prod-karpenter-rebalance",
    tags: tags("karpenter-rebalance"),
  },
  "EventRule karpenter-spot": {
    eventPattern: {
      json: { source: ["aws.ec2"], "detail-type": ["EC2 Spot Instance Interruption Warning"] },
    },
    name: "datalab-prod-karpenter-spot",
    tags: tags("karpenter-spot"),
  },
  "EventRule karpenter-state": {
    eventPattern: {
      json: { source: ["aws.ec2"], "detail-type": ["EC2 Instance State-change Notification"] },
    },
    name: "datalab-prod-karpenter-state",
    tags: tags("karpenter-state"),
  },
  "EventTarget karpenter-health": {
    arn: "arn:Queue/karpenter-events",
    rule: "datalab-prod-karpenter-health",
  },
  "EventTarget karpenter-rebalance": {
    arn: "arn:Queue/karpenter-events",
    rule: "datalab-prod-karpenter-rebalance",
  },
  "EventTarget karpenter-spot": { arn: "arn:Queue/karpenter-events", rule: "datalab-prod-karpenter-spot" },
  "EventTarget karpenter-state": { arn: "arn:Queue/karpenter-events", rule: "datalab-prod-karpenter-state" },
  "InstanceProfile karpenter-node": {
    name: "datalab-prod-karpenter-node",
    role: "datalab-prod-eu-central-1-nodes-node",
    tags: tags("karpenter-node"),
  },
  "PodIdentityAssociation karpenter-controller": {
    clusterName: "datalab-prod",
    namespace: "kube-system",
    roleArn: "arn:Role/karpenter-controller",
    serviceAccount: "karpenter",
    tags: tags("karpenter-controller"),
  },
  "Queue karpenter-events": {
    messageRetentionSeconds: 300,
    name: "datalab-prod-karpenter",
    sqsManagedSseEnabled: true,
    tags: tags("karpenter-events"),
  },
  "QueuePolicy karpenter-events": {
    policy: {
      json: {
        Version: "2012-10-17",
        Statement: [
          {
            Sid: "Events",
            Effect: "Allow",
            Principal: { Service: "events.amazonaws.com" },
            Action: "sqs:SendMessage",
            Resource: "arn:Queue/karpenter-events",
            Condition: {
              ArnEquals: {
                "aws:SourceArn": [
                  "arn:EventRule/karpenter-health",
                  "arn:EventRule/karpenter-spot",
                  "arn:EventRule/karpenter-rebalance",
                  "arn:EventRule/karpenter-state",
                ],
              },
            },
          },
          {
            Sid: "NoPlainText",
            Effect: "Deny",
            Principal: "*",
            Action: "sqs:*",
            Resource: "arn:Queue/karpenter-events",
            Condition: { Bool: { "aws:SecureTransport": "false" } },
          },
        ],
      },
    },
    queueUrl: "https://queue/karpenter-events",
  },
  "Role karpenter-controller": {
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
    description: "Starts and ends nodes",
    maxSessionDuration: 3600,
    name: "datalab-prod-eu-central-1-karpenter-controller",
    tags: tags("karpenter-controller"),
  },
  "RolePolicy karpenter-controller": {
    name: "own",
    policy: {
      json: {
        Version: "2012-10-17",
        Statement: [
          {
            Sid: "UseInLaunch",
            Effect: "Allow",
            Action: ["ec2:RunInstances", "ec2:CreateFleet"],
            Resource: [
              "arn:aws:ec2:eu-central-1:123456789012:subnet/*",
              "arn:aws:ec2:eu-central-1:123456789012:security-group/*",
              "arn:aws:ec2:eu-central-1:123456789012:capacity-reservation/*",
              "arn:aws:ec2:eu-central-1::image/*",
              "arn:aws:ec2:eu-central-1::snapshot/*",
            ],
          },
          {
            Sid: "Launch",
            Effect: "Allow",
            Action: ["ec2:RunInstances", "ec2:CreateFleet", "ec2:CreateLaunchTemplate"],
            Resource: [
              "arn:aws:ec2:eu-central-1:123456789012:fleet/*",
              "arn:aws:ec2:eu-central-1:123456789012:instance/*",
              "arn:aws:ec2:eu-central-1:123456789012:volume/*",
              "arn:aws:ec2:eu-central-1:123456789012:network-interface/*",
              "arn:aws:ec2:eu-central-1:123456789012:launch-template/*",
              "arn:aws:ec2:eu-central-1:123456789012:spot-instances-request/*",
            ],
            Condition: { StringEquals: { "aws:RequestTag/kubernetes.io/cluster/datalab-prod": "owned" } },
          },
          {
            Sid: "LaunchFromTemplate",
            Effect: "Allow",
            Action: ["ec2:RunInstances", "ec2:CreateFleet"],
            Resource: "arn:aws:ec2:eu-central-1:123456789012:launch-template/*",
            Condition: { StringEquals: { "aws:ResourceTag/kubernetes.io/cluster/datalab-prod": "owned" } },
          },
          {
            Sid: "Tag",
            Effect: "Allow",
            Action: "ec2:CreateTags",
            Resource: [
              "arn:aws:ec2:eu-central-1:123456789012:fleet/*",
              "arn:aws:ec2:eu-central-1:123456789012:instance/*",
              "arn:aws:ec2:eu-central-1:123456789012:volume/*",
              "arn:aws:ec2:eu-central-1:123456789012:network-interface/*",
              "arn:aws:ec2:eu-central-1:123456789012:launch-template/*",
              "arn:aws:ec2:eu-central-1:123456789012:spot-instances-request/*",
            ],
            Condition: {
              StringEquals: {
                "aws:RequestTag/kubernetes.io/cluster/datalab-prod": "owned",
                "ec2:CreateAction": ["RunInstances", "CreateFleet", "CreateLaunchTemplate"],
              },
            },
          },
          {
            Sid: "End",
            Effect: "Allow",
            Action: ["ec2:TerminateInstances", "ec2:DeleteLaunchTemplate"],
            Resource: [
              "arn:aws:ec2:eu-central-1:123456789012:instance/*",
              "arn:aws:ec2:eu-central-1:123456789012:launch-template/*",
            ],
            Condition: { StringEquals: { "aws:ResourceTag/kubernetes.io/cluster/datalab-prod": "owned" } },
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
            Resource: "arn:aws:ssm:eu-central-1::parameter/aws/service/*",
          },
          {
            Sid: "Events",
            Effect: "Allow",
            Action: ["sqs:DeleteMessage", "sqs:GetQueueUrl", "sqs:ReceiveMessage"],
            Resource: "arn:Queue/karpenter-events",
          },
          {
            Sid: "Role",
            Effect: "Allow",
            Action: "iam:PassRole",
            Resource: "arn:Role/nodes-node",
            Condition: { StringEquals: { "iam:PassedToService": "ec2.amazonaws.com" } },
          },
          {
            Sid: "Profile",
            Effect: "Allow",
            Action: "iam:GetInstanceProfile",
            Resource: "arn:aws:iam::123456789012:instance-profile/datalab-prod-karpenter-node",
          },
          { Sid: "Cluster", Effect: "Allow", Action: "eks:DescribeCluster", Resource: "arn:Cluster/cluster" },
        ],
      },
    },
    role: "datalab-prod-eu-central-1-karpenter-controller",
  },
};
