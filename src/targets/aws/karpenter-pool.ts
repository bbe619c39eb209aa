/**
 * Which nodes Karpenter may buy, and when it gives them back; `cpu` is how many cores they may have in all.
 */
export const poolSpec = (cpu: number) => ({
  limits: { cpu: String(cpu) },
  disruption: { consolidationPolicy: "WhenEmptyOrUnderutilized", consolidateAfter: "5m" },
  template: {
    metadata: { labels: { "datalab.nodes": "karpenter" } },
    spec: {
      expireAfter: "336h",
      nodeClassRef: { group: "karpenter.k8s.aws", kind: "EC2NodeClass", name: "default" },
      requirements: [
        { key: "kubernetes.io/arch", operator: "In", values: ["amd64"] },
        { key: "karpenter.sh/capacity-type", operator: "In", values: ["on-demand"] },
        { key: "karpenter.k8s.aws/instance-category", operator: "In", values: ["c", "m", "r"] },
        { key: "karpenter.k8s.aws/instance-generation", operator: "Gt", values: ["6"] },
      ],
    },
  },
});
