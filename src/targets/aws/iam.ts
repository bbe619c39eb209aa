import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { joinName } from "../../model/names.ts";
import type { Part, Stage } from "./stage.ts";

/** One statement of a policy, as IAM writes it. */
export interface Statement {
  readonly Sid?: string;
  readonly Effect: "Allow" | "Deny";
  readonly Principal?: unknown;
  readonly Action: pulumi.Input<string> | readonly string[];
  readonly Resource: pulumi.Input<string> | readonly pulumi.Input<string>[];
  readonly Condition?: Readonly<
    Record<string, Readonly<Record<string, pulumi.Input<string> | readonly pulumi.Input<string>[]>>>
  >;
}

/** A policy document as JSON; values that exist later stand in it. */
export const document = (...statements: readonly Statement[]): pulumi.Output<string> =>
  pulumi.jsonStringify({ Version: "2012-10-17", Statement: statements });

/** Who may take a role. */
export const trusts = (service: string, ...actions: readonly string[]): pulumi.Output<string> =>
  pulumi.jsonStringify({
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Principal: { Service: service },
        Action: ["sts:AssumeRole", ...actions],
      },
    ],
  });

/** A role that pods of one account in one cluster of ours take, and nobody else. */
export const trustsPods = (account: string, cluster: pulumi.Input<string>): pulumi.Output<string> =>
  pulumi.jsonStringify({
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Principal: { Service: "pods.eks.amazonaws.com" },
        Action: ["sts:AssumeRole", "sts:TagSession"],
        Condition: {
          StringEquals: { "aws:SourceAccount": account },
          ArnEquals: { "aws:SourceArn": cluster },
        },
      },
    ],
  });

export interface RoleArgs {
  readonly trust: pulumi.Input<string>;
  readonly summary: string;
  /** Names of policies that AWS keeps, such as `AmazonEKSClusterPolicy`. */
  readonly managed?: readonly string[];
  readonly policy?: readonly Statement[];
}

export interface MadeRole {
  readonly arn: pulumi.Output<string>;
  readonly name: pulumi.Output<string>;
  /** What whoever takes the role waits for: it can do nothing before. */
  readonly ready: readonly pulumi.Resource[];
}

/** A role with its policies. */
export function createRole(stage: Stage, part: Part, suffix: string, args: RoleArgs): MadeRole {
  const name = part.child(suffix);
  const options = { parent: part };
  const role = new aws.iam.Role(
    name,
    {
      name: joinName(stage.name, stage.account.region, name),
      description: args.summary,
      assumeRolePolicy: args.trust,
      maxSessionDuration: 3600,
      tags: part.tags(suffix),
    },
    options,
  );
  const attached = (args.managed ?? []).map(
    (policy) =>
      new aws.iam.RolePolicyAttachment(
        `${name}-${policy.split("/").at(-1)}`,
        { role: role.name, policyArn: `arn:aws:iam::aws:policy/${policy}` },
        options,
      ),
  );
  const own = args.policy
    ? [
        new aws.iam.RolePolicy(
          name,
          { name: "own", role: role.name, policy: document(...args.policy) },
          options,
        ),
      ]
    : [];
  return { arn: role.arn, name: role.name, ready: [role, ...attached, ...own] };
}
