import * as aws from "@pulumi/aws";
import type * as pulumi from "@pulumi/pulumi";
import type { Network } from "./network.ts";
import type { Nodes } from "./nodes.ts";
import { Part, type Stage } from "./stage.ts";

interface Metric {
  readonly summary: string;
  readonly namespace: string;
  readonly metric: string;
  readonly statistic: "Average" | "Maximum" | "Minimum" | "Sum";
  readonly above?: number;
  readonly below?: number;
  readonly dimensions: Readonly<Record<string, pulumi.Input<string>>>;
  /** How many periods of five minutes it must hold. */
  readonly periods: number;
}

const gibibyte = 2 ** 30;

/** What the platform's own monitoring can't see: servers that AWS runs, and the machines below it. */
export function createAlarms(
  stage: Stage,
  topic: aws.sns.Topic,
  network: Network,
  nodes: Nodes,
  database: aws.rds.Instance | undefined,
): void {
  const part = new Part("Alarms", "alarms", stage);
  for (const [suffix, metric] of [
    ...(database ? ofDatabase(stage, database) : []),
    ...ofNodes(nodes),
    ...ofGateways(stage, network),
  ]) {
    const threshold = metric.above ?? (metric.below as number);
    new aws.cloudwatch.MetricAlarm(
      part.child(suffix),
      {
        name: `${stage.name}-${suffix}`,
        alarmDescription: metric.summary,
        namespace: metric.namespace,
        metricName: metric.metric,
        statistic: metric.statistic,
        dimensions: { ...metric.dimensions },
        period: 300,
        evaluationPeriods: metric.periods,
        datapointsToAlarm: metric.periods,
        threshold,
        comparisonOperator: metric.above === undefined ? "LessThanThreshold" : "GreaterThanThreshold",
        treatMissingData: "notBreaching",
        actionsEnabled: true,
        alarmActions: [topic.arn],
        okActions: [topic.arn],
        tags: part.tags(suffix),
      },
      { parent: part },
    );
  }
  part.done();
}

function ofDatabase({ size }: Stage, instance: aws.rds.Instance): [string, Metric][] {
  const { storageGiB, connections } = size.database;
  const common = { namespace: "AWS/RDS", dimensions: { DBInstanceIdentifier: instance.identifier } };
  const of = (metric: string, rest: Omit<Metric, "metric" | "namespace" | "dimensions">): Metric => ({
    ...common,
    metric,
    ...rest,
  });
  return [
    [
      "database-storage",
      of("FreeStorageSpace", {
        summary: "Less than 15% of the database's first storage is free.",
        statistic: "Minimum",
        below: Math.round(0.15 * storageGiB * gibibyte),
        periods: 1,
      }),
    ],
    [
      "database-cpu",
      of("CPUUtilization", {
        summary: "The database's processors have been busy for 15 minutes.",
        statistic: "Average",
        above: 85,
        periods: 3,
      }),
    ],
    [
      "database-connections",
      of("DatabaseConnections", {
        summary: "85% of the database's connections are in use.",
        statistic: "Maximum",
        above: Math.round(0.85 * connections),
        periods: 2,
      }),
    ],
    [
      "database-memory",
      of("FreeableMemory", {
        summary: "The database's machine has less than 256 MiB of memory left.",
        statistic: "Minimum",
        below: gibibyte / 4,
        periods: 3,
      }),
    ],
  ];
}

/** Machines that fail their checks; repair replaces them, people should know why. */
const ofNodes = ({ groups }: Nodes): [string, Metric][] =>
  Object.entries(groups).map(([name, group]) => [
    `nodes-${name}`,
    {
      summary: `A node of the group ${name} fails its checks.`,
      namespace: "AWS/EC2",
      metric: "StatusCheckFailed",
      statistic: "Maximum",
      above: 0,
      periods: 2,
      dimensions: {
        AutoScalingGroupName: group.resources.apply((all) => all[0]?.autoscalingGroups?.[0]?.name ?? ""),
      },
    },
  ]);

const ofGateways = ({ account }: Stage, { nats }: Network): [string, Metric][] =>
  nats.map((nat, i) => [
    `nat-${account.zones[i]?.slice(-1)}`,
    {
      summary: "A NAT gateway has no ports left: connections to the outside fail.",
      namespace: "AWS/NATGateway",
      metric: "ErrorPortAllocation",
      statistic: "Sum",
      above: 0,
      periods: 1,
      dimensions: { NatGatewayId: nat.id },
    },
  ]);
