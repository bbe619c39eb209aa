import type * as k8s from "@pulumi/kubernetes";
import type { Edge } from "../../model/edges.ts";
import { selector, stackLabels } from "./names.ts";

/**
 * Network rules: nothing may reach anything, but for the edges of the model, names, and the ways in and out.
 */

type Policy = k8s.networking.v1.NetworkPolicyArgs;
type Ingress = k8s.types.input.networking.v1.NetworkPolicyIngressRule;
type Egress = k8s.types.input.networking.v1.NetworkPolicyEgressRule;

export interface NetworkArgs {
  readonly stack: string;
  readonly namespace: string;
  readonly edges: readonly Edge[];
}

const tcp = (ports: readonly number[]) => ports.map((port) => ({ protocol: "TCP", port }));

export function denyAll({ stack, namespace }: NetworkArgs): Policy {
  return {
    metadata: { name: "default-deny", namespace, labels: { ...stackLabels(stack) } },
    spec: { podSelector: {}, policyTypes: ["Ingress", "Egress"] },
  };
}

/** Whoever has somewhere to go asks for names. */
const names: Egress = {
  to: [
    {
      namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "kube-system" } },
      podSelector: { matchLabels: { "k8s-app": "kube-dns" } },
    },
  ],
  ports: [
    { protocol: "UDP", port: 53 },
    { protocol: "TCP", port: 53 },
  ],
};

export interface PodNetwork {
  /** The workload, or what one spawns. */
  readonly name: string;
  /** Namespace whose pods come in from outside, and where: of the way in. */
  readonly entry?: {
    readonly namespace: string;
    readonly cidrs?: readonly string[];
    readonly ports: readonly number[];
  };
  /** Address ranges of the API server; empty: it has nothing to say to it. */
  readonly apiServer: readonly string[];
  /** Ports of what it talks to outside the stack. */
  readonly outside: readonly number[];
}

/** What the pods of one name may do: who comes in at which ports, and where they go. */
export function podPolicy({ stack, namespace, edges }: NetworkArgs, pod: PodNetwork): Policy {
  const ingress: Ingress[] = group(
    edges.filter(({ to }) => to === pod.name),
    "from",
  ).map(({ others, ports }) => ({ from: podsOf(stack, others), ports: tcp(ports) }));
  if (pod.entry) {
    ingress.push({
      from: [
        { namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": pod.entry.namespace } } },
        ...(pod.entry.cidrs ?? []).map((cidr) => ({ ipBlock: { cidr } })),
      ],
      ports: tcp(pod.entry.ports),
    });
  }
  const egress: Egress[] = group(
    edges.filter(({ from }) => from === pod.name),
    "to",
  ).map(({ others, ports }) => ({ to: podsOf(stack, others), ports: tcp(ports) }));
  if (pod.apiServer.length > 0) {
    egress.push({ to: pod.apiServer.map((cidr) => ({ ipBlock: { cidr } })), ports: tcp([443, 6443]) });
  }
  if (pod.outside.length > 0) {
    egress.push({ to: [{ ipBlock: { cidr: "0.0.0.0/0" } }], ports: tcp(pod.outside) });
  }
  return {
    metadata: { name: pod.name, namespace, labels: { ...stackLabels(stack), "datalab.workload": pod.name } },
    spec: {
      podSelector: { matchLabels: { ...selector(stack, pod.name) } },
      policyTypes: ["Ingress", "Egress"],
      ingress,
      egress: egress.length > 0 ? [names, ...egress] : [],
    },
  };
}

const podsOf = (stack: string, names: readonly string[]) =>
  names.map((name) => ({ podSelector: { matchLabels: { ...selector(stack, name) } } }));

/** The other sides that have the same ports, and those ports, all in order. */
function group(edges: readonly Edge[], side: "from" | "to"): { others: string[]; ports: number[] }[] {
  const portsOf = new Map<string, Set<number>>();
  for (const edge of edges) portsOf.set(edge[side], (portsOf.get(edge[side]) ?? new Set()).add(edge.port));
  const groups = new Map<string, { others: string[]; ports: number[] }>();
  for (const [other, found] of [...portsOf].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const ports = [...found].sort((a, b) => a - b);
    const group = groups.get(ports.join()) ?? { others: [], ports };
    group.others.push(other);
    groups.set(ports.join(), group);
  }
  return [...groups.values()];
}
