/** Names and bounds that the configuration and the plan of the AWS target share. */
export const sizeNames = ["S", "M", "L"] as const;
export type SizeName = (typeof sizeNames)[number];

/** A VPC of /21 still gives each zone 512 addresses for pods, and 64 in each of the small subnets. */
export const widestVpc = 16;
export const narrowestVpc = 21;
