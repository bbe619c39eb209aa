import * as aws from "@pulumi/aws";
import { createRole, trusts } from "./iam.ts";
import type { Keys } from "./keys.ts";
import type { Network } from "./network.ts";
import { Part, type Stage } from "./stage.ts";

export interface Logs {
  /**
   * What the cluster's control plane writes to: it must stand before the cluster, which would make one of its
   * own.
   */
  readonly cluster: aws.cloudwatch.LogGroup;
  readonly database: aws.cloudwatch.LogGroup;
}

export const databaseIdentifier = ({ name }: Stage): string => `${name}-postgres`;

/** Log groups, encrypted and of limited age, and a record of all connections in the VPC. */
export function createLogs(stage: Stage, keys: Keys, network: Network): Logs {
  const part = new Part("Logs", "logs", stage);
  const { accountId, region } = stage.account;
  const group = (suffix: string, name: string) =>
    new aws.cloudwatch.LogGroup(
      part.child(suffix),
      {
        name,
        retentionInDays: stage.size.logDays,
        kmsKeyId: keys.operations.arn,
        logGroupClass: "STANDARD",
        skipDestroy: false,
        tags: part.tags(suffix),
      },
      { parent: part },
    );
  const cluster = group("cluster", `/aws/eks/${stage.name}/cluster`);
  const database = group("database", `/aws/rds/instance/${databaseIdentifier(stage)}/postgresql`);
  const flows = group("flows", `/datalab/${stage.name}/flows`);
  const role = createRole(stage, part, "flows", {
    summary: "Writes the flow log of the VPC",
    trust: trusts("vpc-flow-logs.amazonaws.com"),
    policy: [
      {
        Effect: "Allow",
        Action: ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
        Resource: `arn:aws:logs:${region}:${accountId}:log-group:/datalab/${stage.name}/flows:*`,
      },
    ],
  });
  new aws.ec2.FlowLog(
    part.child("flows"),
    {
      vpcId: network.vpc.id,
      trafficType: "ALL",
      logDestinationType: "cloud-watch-logs",
      logDestination: flows.arn,
      iamRoleArn: role.arn,
      maxAggregationInterval: 600,
      tags: part.tags("flows"),
    },
    { parent: part, dependsOn: [...role.ready] },
  );
  part.done();
  return { cluster, database };
}
