import type { EnabledServices } from "./enabled.ts";
import { stackName } from "./names.ts";
import type { ClusterModel } from "./platform.ts";

/** Targets that run on Kubernetes, and whether the configuration must say in which cluster: `aws` makes its own. */
const clustered: Readonly<Record<string, Clustered>> = {
  kubernetes: { contextNeeded: true },
  // Its load balancers are in the VPC and show certificates of ACM's: no secret of this name is made, none is looked for.
  // A disk stays in one zone, people don't.
  aws: {
    contextNeeded: false,
    cidrs: ({ aws }) => [aws.vpcCidr],
    homeStorageClass: "efs",
    tlsSecret: "certificate-manager",
  },
};

interface Clustered {
  readonly contextNeeded: boolean;
  /** Who comes in beside pods. */
  readonly cidrs?: (config: EnabledServices["environment"]["config"]) => readonly string[];
  readonly homeStorageClass?: string;
  /** Where the way in has a certificate of its own. */
  readonly tlsSecret?: string;
}

/** Where a stack runs; null on one host. Notes what the configuration lacks for it. */
export function resolveCluster(enabled: EnabledServices): ClusterModel | null {
  const { stack, config } = enabled.environment;
  const need = clustered[config.target];
  if (!need) {
    if (enabled.environment.find(["kubernetes"])) {
      enabled.problem(
        ["kubernetes"],
        `expected nothing here with the target ${config.target}, received settings of a cluster`,
        "Take them away, or set target: kubernetes.",
      );
    }
    return null;
  }
  const { context, kubeconfig, namespace, storageClass, ingress, pullSecrets, apiServer, cpuOvercommit } =
    config.kubernetes;
  if (need.contextNeeded && context === undefined) {
    enabled.problem(
      ["kubernetes", "context"],
      "expected the context of your kubeconfig that names the cluster, received nothing",
      "kubectl config get-contexts lists them. It is never guessed: the current one may be anybody's production.",
    );
  }
  if (ingress.host === undefined) {
    enabled.problem(
      ["kubernetes", "ingress", "host"],
      'expected the domain that pages are opened below, such as "staging.lab.example.com", received nothing',
    );
  }
  if (config.images.source !== "registry") {
    enabled.problem(
      ["images", "source"],
      "expected registry, received build: nodes of a cluster take images from a registry, by digest",
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
