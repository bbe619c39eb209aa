import type { EnabledServices } from "./enabled.ts";
import { stackName } from "./names.ts";
import type { ClusterModel } from "./platform.ts";

/** Targets that run on Kubernetes, and whether the configuration must name the cluster: `aws` creates its own. */
const clustered: Readonly<Record<string, Clustered>> = {
  kubernetes: { contextNeeded: true },
  // Its load balancers are in the VPC and use ACM certificates: no Secret of this name is created or expected.
  // A disk stays in one zone; a notebook may start in any zone.
  aws: {
    contextNeeded: false,
    cidrs: ({ aws }) => [aws.vpcCidr],
    homeStorageClass: "efs",
    tlsSecret: "certificate-manager",
  },
};

interface Clustered {
  readonly contextNeeded: boolean;
  /** Address ranges that may connect, in addition to pods. */
  readonly cidrs?: (config: EnabledServices["environment"]["config"]) => readonly string[];
  readonly homeStorageClass?: string;
  /** The ingress has its own certificate. */
  readonly tlsSecret?: string;
}

/** The cluster of a stack; null on one host. Reports missing configuration. */
export function resolveCluster(enabled: EnabledServices): ClusterModel | null {
  const { stack, config } = enabled.environment;
  const need = clustered[config.target];
  if (!need) {
    if (enabled.environment.find(["kubernetes"])) {
      enabled.problem(
        ["kubernetes"],
        `expected nothing here with the target ${config.target}, received Kubernetes settings`,
        "Remove them, or set target: kubernetes.",
      );
    }
    return null;
  }
  const { context, kubeconfig, namespace, storageClass, ingress, pullSecrets, apiServer, cpuOvercommit } =
    config.kubernetes;
  if (need.contextNeeded && context === undefined) {
    enabled.problem(
      ["kubernetes", "context"],
      "expected a context of your kubeconfig, received nothing",
      "kubectl config get-contexts lists them. The current context is never used: it may be a production cluster.",
    );
  }
  if (ingress.host === undefined) {
    enabled.problem(
      ["kubernetes", "ingress", "host"],
      'expected the domain of the pages, such as "staging.lab.example.com", received nothing',
    );
  }
  if (config.images.source !== "registry") {
    enabled.problem(
      ["images", "source"],
      "expected registry, received build: a cluster's nodes pull images from a registry, by digest",
      "Set it to registry, then: ./datalab images push --to REGISTRY",
    );
  }
  return {
    context: context ?? null,
    kubeconfig: kubeconfig ?? null,
    namespace: namespace ?? stackName(stack),
    storageClass: storageClass ?? null,
    ...(need.homeStorageClass && { homeStorageClass: need.homeStorageClass }),
    ingress: {
      host: ingress.host ?? "",
      className: ingress.class,
      port: ingress.port,
      address: ingress.address ?? null,
      tlsSecret: ingress.tlsSecret ?? need.tlsSecret ?? null,
      namespace: ingress.namespace,
      ...(need.cidrs && { cidrs: need.cidrs(config) }),
    },
    cpuOvercommit,
    pullSecrets,
    apiServer,
  };
}
