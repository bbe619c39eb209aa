import { containersOf, docker, podOf, type Resource, type ResourceRule, show } from "./rule.ts";

const loopback = "127.0.0.1";

export const noPublicPort: ResourceRule = {
  name: "no-public-port",
  summary: "Only the gateway or ingress is reachable from outside.",
  check(resource) {
    const { type, props } = resource;
    if (type === docker.container) return dockerPorts(resource);
    if (type === "kubernetes:core/v1:Service") {
      const kind = props.spec?.type ?? "ClusterIP";
      return ["ClusterIP", "ExternalName"].includes(kind)
        ? []
        : [`expected a Service of type ClusterIP, received ${show(kind)}`];
    }
    if (type === "aws:ec2/securityGroup:SecurityGroup") {
      return ((props.ingress ?? []) as Ingress[]).flatMap((rule) => openIngress(rule));
    }
    if (type === "aws:ec2/securityGroupRule:SecurityGroupRule") {
      return props.type === "ingress" ? openIngress(props as Ingress) : [];
    }
    if (type === "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule") {
      const ranges = [props.cidrIpv4, props.cidrIpv6].filter(Boolean);
      return openIngress({ cidrBlocks: ranges, fromPort: props.fromPort, toPort: props.toPort });
    }
    if (type === "aws:eks/cluster:Cluster") {
      const { endpointPublicAccess, publicAccessCidrs } = props.vpcConfig ?? {};
      const open = endpointPublicAccess !== false && isWorld(publicAccessCidrs ?? ["0.0.0.0/0"]);
      return open
        ? ["expected a restricted API server, received publicAccessCidrs that allow all addresses"]
        : [];
    }
    const pod = podOf(resource);
    if (!pod) return [];
    const ports = containersOf(pod).flatMap((c) =>
      ((c.ports ?? []) as { hostPort?: number }[])
        .filter(({ hostPort }) => hostPort)
        .map(({ hostPort }) => hostPort),
    );
    return [
      ...(pod.hostNetwork ? ["expected a network of its own, received hostNetwork"] : []),
      ...ports.map((port) => `expected no port of the node, received hostPort ${port}`),
    ];
  },
};

function dockerPorts({ props }: Resource): string[] {
  const ports = (props.ports ?? []) as { ip?: string; external?: number; internal: number }[];
  return [
    ...(props.networkMode === "host" ? ["expected a network of the stack, received the host's"] : []),
    ...ports
      .filter(({ ip }) => ip !== loopback)
      .map(
        ({ ip, external, internal }) =>
          `expected port ${external ?? internal} on ${loopback}, received ${show(ip ?? "0.0.0.0")}`,
      ),
  ];
}

interface Ingress {
  readonly cidrBlocks?: readonly string[];
  readonly ipv6CidrBlocks?: readonly string[];
  readonly fromPort?: number;
  readonly toPort?: number;
}

const isWorld = (ranges: readonly string[]): boolean =>
  ranges.some((range) => range === "0.0.0.0/0" || range === "::/0");

/** The load balancer's 443 alone is open to the world. */
function openIngress({ cidrBlocks = [], ipv6CidrBlocks = [], fromPort, toPort }: Ingress): string[] {
  if (!isWorld([...cidrBlocks, ...ipv6CidrBlocks]) || (fromPort === 443 && toPort === 443)) return [];
  return [
    `expected ports ${show(fromPort)} to ${show(toPort)} closed to the internet, received an open range`,
  ];
}
