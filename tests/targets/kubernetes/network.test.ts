import { describe, expect, test } from "vitest";
import { denyAll, podPolicy } from "../../../src/targets/kubernetes/network.ts";

const edges = [
  { from: "prefect", to: "postgres", port: 5432 },
  { from: "mlflow", to: "postgres", port: 5432 },
  { from: "prometheus", to: "mlflow", port: 5000 },
  { from: "mlflow", to: "object-store", port: 9000 },
];
const args = { stack: "staging", namespace: "lab", edges };
const pod = (workload: string) => ({
  podSelector: { matchLabels: { "datalab.stack": "staging", "datalab.workload": workload } },
});
const tcp = (port: number) => ({ protocol: "TCP", port });
const labels = (workload?: string) => ({
  "datalab.stack": "staging",
  "app.kubernetes.io/part-of": "datalab",
  "app.kubernetes.io/instance": "datalab-staging",
  "app.kubernetes.io/managed-by": "pulumi",
  ...(workload && { "datalab.workload": workload }),
});
const names = {
  to: [
    {
      namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "kube-system" } },
      podSelector: { matchLabels: { "k8s-app": "kube-dns" } },
    },
  ],
  ports: [{ protocol: "UDP", port: 53 }, tcp(53)],
};

describe("network rules", () => {
  test("GIVEN any pod WHEN nothing else is said THEN nobody reaches it, and it reaches nobody", () => {
    expect(denyAll(args)).toEqual({
      metadata: { name: "default-deny", namespace: "lab", labels: labels() },
      spec: { podSelector: {}, policyTypes: ["Ingress", "Egress"] },
    });
  });

  test("GIVEN edges WHEN a pod has some THEN these are open, with names on top", () => {
    expect(podPolicy(args, { name: "mlflow", apiServer: [], outside: [] })).toEqual({
      metadata: { name: "mlflow", namespace: "lab", labels: labels("mlflow") },
      spec: {
        ...pod("mlflow"),
        policyTypes: ["Ingress", "Egress"],
        ingress: [{ from: [pod("prometheus")], ports: [tcp(5000)] }],
        egress: [
          names,
          { to: [pod("object-store")], ports: [tcp(9000)] },
          { to: [pod("postgres")], ports: [tcp(5432)] },
        ],
      },
    });
  });

  test("GIVEN several who come in at the same port WHEN it is written THEN they stand in one rule", () => {
    const { spec } = podPolicy(args, { name: "postgres", apiServer: [], outside: [] }) as {
      spec: { ingress: unknown; egress: unknown };
    };
    expect(spec.ingress).toEqual([{ from: [pod("mlflow"), pod("prefect")], ports: [tcp(5432)] }]);
    expect(spec.egress).toEqual([]);
  });

  test("GIVEN the way in WHEN it is written THEN only the ingress controller's pods come from outside", () => {
    const { spec } = podPolicy(args, {
      name: "gateway",
      entry: { namespace: "traefik", ports: [4200, 8501] },
      apiServer: [],
      outside: [],
    }) as { spec: { ingress: unknown } };
    expect(spec.ingress).toEqual([
      {
        from: [{ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "traefik" } } }],
        ports: [tcp(4200), tcp(8501)],
      },
    ]);
  });

  test("GIVEN what speaks with the cluster, or with the world WHEN it is written THEN it reaches just these ports", () => {
    const { spec } = podPolicy(args, { name: "agent", apiServer: ["10.0.0.0/24"], outside: [587] }) as {
      spec: { egress: unknown };
    };
    expect(spec.egress).toEqual([
      names,
      { to: [{ ipBlock: { cidr: "10.0.0.0/24" } }], ports: [tcp(443), tcp(6443)] },
      { to: [{ ipBlock: { cidr: "0.0.0.0/0" } }], ports: [tcp(587)] },
    ]);
  });
});
