import { derived, type Expected, master, tags } from "../fixture.ts";

/** Inputs of every resource of logs, notices, budget, secrets at size S, by kind and name. */
export const logs: Expected = {
  "FlowLog logs-flows": {
    iamRoleArn: "arn:Role/logs-flows",
    logDestination: "arn:LogGroup/logs-flows",
    logDestinationType: "cloud-watch-logs",
    maxAggregationInterval: 600,
    tags: tags("logs-flows"),
    trafficType: "ALL",
    vpcId: "network-id",
  },
  "LogGroup logs-cluster": {
    kmsKeyId: "arn:Key/keys-operations",
    logGroupClass: "STANDARD",
    name: "/aws/eks/datalab-prod/cluster",
    retentionInDays: 30,
    skipDestroy: false,
    tags: tags("logs-cluster"),
  },
  "LogGroup logs-database": {
    kmsKeyId: "arn:Key/keys-operations",
    logGroupClass: "STANDARD",
    name: "/aws/rds/instance/datalab-prod-postgres/postgresql",
    retentionInDays: 30,
    skipDestroy: false,
    tags: tags("logs-database"),
  },
  "LogGroup logs-flows": {
    kmsKeyId: "arn:Key/keys-operations",
    logGroupClass: "STANDARD",
    name: "/datalab/datalab-prod/flows",
    retentionInDays: 30,
    skipDestroy: false,
    tags: tags("logs-flows"),
  },
  "Role logs-flows": {
    assumeRolePolicy: {
      json: {
        Version: "2012-10-17",
        Statement: [
          {
            Effect: "Allow",
            Principal: { Service: "vpc-flow-logs.amazonaws.com" },
            Action: ["sts:AssumeRole"],
          },
        ],
      },
    },
    description: "Writes the flow log of the VPC",
    maxSessionDuration: 3600,
    name: "datalab-prod-eu-central-1-logs-flows",
    tags: tags("logs-flows"),
  },
  "RolePolicy logs-flows": {
    name: "own",
    policy: {
      json: {
        Version: "2012-10-17",
        Statement: [
          {
            Effect: "Allow",
            Action: ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
            Resource: "arn:aws:logs:eu-central-1:123456789012:log-group:/datalab/datalab-prod/flows:*",
          },
        ],
      },
    },
    role: "datalab-prod-eu-central-1-logs-flows",
  },
  "Topic notices": {
    displayName: "datalab-prod",
    kmsMasterKeyId: "key-keys-operations",
    name: "datalab-prod-notices",
    tags: tags("notices"),
  },
  "TopicPolicy notices": {
    arn: "arn:Topic/notices",
    policy: {
      json: {
        Version: "2012-10-17",
        Statement: [
          {
            Sid: "Alarms",
            Effect: "Allow",
            Principal: { Service: ["cloudwatch.amazonaws.com", "budgets.amazonaws.com"] },
            Action: "sns:Publish",
            Resource: "arn:Topic/notices",
            Condition: { StringEquals: { "aws:SourceAccount": "123456789012" } },
          },
        ],
      },
    },
  },
  "Budget budget": {
    budgetType: "COST",
    costFilters: [{ name: "TagKeyValue", values: ["user:datalab.stack$prod"] }],
    limitAmount: "1079",
    limitUnit: "USD",
    name: "datalab-prod",
    notifications: [
      {
        comparisonOperator: "GREATER_THAN",
        notificationType: "ACTUAL",
        subscriberSnsTopicArns: ["arn:Topic/notices"],
        threshold: 80,
        thresholdType: "PERCENTAGE",
      },
      {
        comparisonOperator: "GREATER_THAN",
        notificationType: "ACTUAL",
        subscriberSnsTopicArns: ["arn:Topic/notices"],
        threshold: 100,
        thresholdType: "PERCENTAGE",
      },
      {
        comparisonOperator: "GREATER_THAN",
        notificationType: "FORECASTED",
        subscriberSnsTopicArns: ["arn:Topic/notices"],
        threshold: 100,
        thresholdType: "PERCENTAGE",
      },
    ],
    tags: tags("budget"),
    timeUnit: "MONTHLY",
  },
  "Secret secrets-logins": {
    description: "User names and passwords of the stack's pages",
    kmsKeyId: "arn:Key/keys-operations",
    name: "datalab-prod/logins",
    recoveryWindowInDays: 30,
    tags: tags("secrets-logins"),
  },
  "Secret secrets-master": {
    description: "The secret that all others of the stack are derived from",
    kmsKeyId: "arn:Key/keys-operations",
    name: "datalab-prod/master",
    recoveryWindowInDays: 30,
    tags: tags("secrets-master"),
  },
  "SecretVersion secrets-logins": {
    secretId: "secrets-logins-id",
    secretString: {
      hidden: {
        json: {
          "core/alerts": { user: "alertmanager", password: derived("core/alerts") },
          "postgres/admin": { user: "postgres", password: derived("postgres/admin") },
          "prefect/admin": { user: "admin", password: derived("prefect/admin") },
        },
      },
    },
  },
  "SecretVersion secrets-master": {
    secretId: "secrets-master-id",
    secretString: { hidden: master },
  },
};
