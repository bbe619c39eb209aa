import type { SizeName } from "./aws-bounds.ts";
import type { EnabledServices } from "./enabled.ts";

/** The account that a stack is deployed to, and the resources in it. */
export interface AwsModel {
  readonly accountId: string;
  readonly region: string;
  readonly size: SizeName;
  readonly vpcCidr: string;
  /** Names such as `eu-central-1a`. */
  readonly zones: readonly string[];
  readonly nat: "size" | "single" | "zone";
  readonly kubernetesVersion: string;
  readonly karpenter: boolean;
  readonly apiCidrs: readonly string[];
  readonly accessRoles: readonly string[];
  readonly ingressCidrs: readonly string[];
  readonly certificateArn: string | null;
  readonly budget: { readonly monthlyUsd: number | null; readonly emails: readonly string[] };
  readonly deletionProtection: boolean;
}

/** Targets that deploy to an account. */
const inAccount: ReadonlySet<string> = new Set(["aws"]);
/** Bucket names have at most 63 characters; they contain the stack, the account and their own name. */
const longestStack = 24;

/** The account of a stack; null on other targets. Reports missing configuration. */
export function resolveAws(enabled: EnabledServices): AwsModel | null {
  const { stack, config, find } = enabled.environment;
  if (!inAccount.has(config.target)) {
    if (find(["aws"])) {
      enabled.problem(
        ["aws"],
        `expected nothing here with the target ${config.target}, received AWS settings`,
        "Remove them, or set target: aws.",
      );
    }
    return null;
  }
  const { accountId, region, zones, certificateArn, budget, ...rest } = config.aws;
  if (accountId === undefined) {
    enabled.problem(
      ["aws", "accountId"],
      "expected the account that the stack is deployed to, received nothing",
      "aws sts get-caller-identity prints yours. Credentials of another account are refused.",
    );
  }
  if (region === undefined) {
    enabled.problem(["aws", "region"], 'expected a region such as "eu-central-1", received nothing');
  }
  if (stack.length > longestStack) {
    enabled.problem(
      ["target"],
      `expected a stack whose name has at most ${longestStack} characters, because bucket names contain it, received ${JSON.stringify(stack)}`,
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
