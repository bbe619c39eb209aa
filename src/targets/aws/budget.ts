import * as aws from "@pulumi/aws";
import { estimate } from "../../cloud/estimate.ts";
import { document } from "./iam.ts";
import type { Keys } from "./keys.ts";
import { Part, type Stage } from "./stage.ts";

/** Where alarms and the budget are told, and from where they go on to people. */
export function createNotices(stage: Stage, keys: Keys): aws.sns.Topic {
  const part = new Part("Notices", "notices", stage);
  const { accountId } = stage.account;
  const topic = new aws.sns.Topic(
    "notices",
    {
      name: `${stage.name}-notices`,
      displayName: stage.name,
      kmsMasterKeyId: keys.operations.keyId,
      tags: part.tags(),
    },
    { parent: part },
  );
  new aws.sns.TopicPolicy(
    "notices",
    {
      arn: topic.arn,
      policy: document({
        Sid: "Alarms",
        Effect: "Allow",
        Principal: { Service: ["cloudwatch.amazonaws.com", "budgets.amazonaws.com"] },
        Action: "sns:Publish",
        Resource: topic.arn,
        Condition: { StringEquals: { "aws:SourceAccount": accountId } },
      }),
    },
    { parent: part },
  );
  stage.account.budget.emails.forEach((endpoint, i) => {
    new aws.sns.TopicSubscription(
      part.child(`email-${i + 1}`),
      { topic: topic.arn, protocol: "email", endpoint },
      { parent: part },
    );
  });
  part.done();
  return topic;
}

/** What a month may cost: what is configured, or half as much again as the estimate, in whole dollars. */
export function monthlyLimit({ account }: Stage): number {
  const { monthlyUsd } = account.budget;
  if (monthlyUsd !== null) return monthlyUsd;
  const { total } = estimate(account.size, { zones: account.zones.length, nat: account.nat });
  return Math.ceil(total * 1.5);
}

export function createBudget(stage: Stage, topic: aws.sns.Topic): void {
  const part = new Part("Budget", "budget", stage);
  const told = (threshold: number, notificationType: "ACTUAL" | "FORECASTED") => ({
    comparisonOperator: "GREATER_THAN",
    threshold,
    thresholdType: "PERCENTAGE",
    notificationType,
    subscriberSnsTopicArns: [topic.arn],
  });
  new aws.budgets.Budget(
    "budget",
    {
      name: stage.name,
      budgetType: "COST",
      limitAmount: String(monthlyLimit(stage)),
      limitUnit: "USD",
      timeUnit: "MONTHLY",
      costFilters: [{ name: "TagKeyValue", values: [`user:datalab.stack$${stage.model.stack}`] }],
      notifications: [told(80, "ACTUAL"), told(100, "ACTUAL"), told(100, "FORECASTED")],
      tags: part.tags(),
    },
    { parent: part },
  );
  part.done();
}
