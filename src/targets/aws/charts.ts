/**
 * Charts of what runs in the cluster beside the platform, taken from the account's own registry as its images
 * are.
 */
export interface Chart {
  readonly chart: string;
  readonly version: string;
  /** Images that it runs, by the repository's name, with the tag. */
  readonly images: readonly string[];
  readonly tag: string;
}

export const balancerChart: Chart = {
  chart: "aws-load-balancer-controller",
  version: "1.13.4",
  images: ["aws-load-balancer-controller"],
  tag: "v2.13.4",
};

export const karpenterChart: Chart = {
  chart: "karpenter",
  version: "1.6.0",
  images: ["karpenter-controller"],
  tag: "1.6.0",
};

export const charts = (karpenter: boolean): readonly Chart[] =>
  karpenter ? [balancerChart, karpenterChart] : [balancerChart];
