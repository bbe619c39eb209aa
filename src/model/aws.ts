/** Names and bounds that the configuration and the plan of the AWS target share. */
export const sizeNames = ["S", "M", "L"] as const;
export type SizeName = (typeof sizeNames)[number];

/** A VPC of /21 still gives each zone 512 addresses for pods, and 64 in each of the small subnets. */
export const widestVpc = 16;
export const narrowestVpc = 21;

/** What the configuration of the AWS target sets as it stays in the model. */
export interface AwsSettings {
  readonly size: SizeName;
  readonly vpcCidr: string;
  readonly nat: "size" | "single" | "zone";
  readonly kubernetesVersion: string;
  readonly karpenter: boolean;
  readonly apiCidrs: readonly string[];
  readonly accessRoles: readonly string[];
  readonly ingressCidrs: readonly string[];
  readonly deletionProtection: boolean;
}

/** The account that a stack is deployed to, and what is made in it. */
export interface AwsModel extends AwsSettings {
  readonly accountId: string;
  readonly region: string;
  /** Names such as `eu-central-1a`. */
  readonly zones: readonly string[];
  readonly certificateArn: string | null;
  readonly budget: { readonly monthlyUsd: number | null; readonly emails: readonly string[] };
}
