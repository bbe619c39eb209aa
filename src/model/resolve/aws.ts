import type { AwsModel } from "../aws.ts";
import type { Findings } from "./findings.ts";
import { traitsOf } from "./target-traits.ts";

/** Names of buckets have at most 63 characters, and hold the stack, the account and their own. */
const longestStack = 24;

/** The account of a stack; null elsewhere. Notes what the configuration lacks for it. */
export function resolveAws(findings: Findings): AwsModel | null {
  const { stack, config, find } = findings.environment;
  if (!traitsOf(config.target).account) {
    if (find(["aws"])) {
      findings.problem(
        ["aws"],
        `expected nothing here with the target ${config.target}, received settings of an account`,
        "Take them away, or set target: aws.",
      );
    }
    return null;
  }
  const { accountId, region, zones, certificateArn, budget, ...rest } = config.aws;
  if (accountId === undefined) {
    findings.problem(
      ["aws", "accountId"],
      "expected the account that the stack is deployed to, received nothing",
      "aws sts get-caller-identity says yours. It is never guessed: credentials of another account are refused.",
    );
  }
  if (region === undefined) {
    findings.problem(["aws", "region"], 'expected a region such as "eu-central-1", received nothing');
  }
  if (stack.length > longestStack) {
    findings.problem(
      ["target"],
      `expected a stack whose name has at most ${longestStack} characters, for names of buckets hold it, received ${JSON.stringify(stack)}`,
    );
  }
  return {
    ...rest,
    accountId: accountId ?? "",
    region: region ?? "",
    zones: zones.map((letter) => `${region}${letter}`),
    certificateArn: certificateArn ?? null,
    budget: { monthlyUsd: budget.monthlyUsd ?? null, emails: budget.emails },
  };
}
