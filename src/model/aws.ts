import type { SizeName } from "./aws-bounds.ts";

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
