import { stackName } from "../names.ts";
import type { ClusterModel } from "../platform.ts";
import type { Findings } from "./findings.ts";
import { traitsOf } from "./target-traits.ts";

/** The cluster of a stack; null on one host. Reports missing configuration. */
export function resolveCluster(findings: Findings): ClusterModel | null {
  const { stack, config } = findings.environment;
  const need = traitsOf(config.target).cluster;
  if (!need) {
    if (findings.environment.find(["kubernetes"])) {
      findings.problem(
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
    findings.problem(
      ["kubernetes", "context"],
      "expected a context of your kubeconfig, received nothing",
      "kubectl config get-contexts lists them. The current context is never used: it may be a production cluster.",
    );
  }
  if (ingress.host === undefined) {
    findings.problem(
      ["kubernetes", "ingress", "host"],
      'expected the domain of the pages, such as "staging.lab.example.com", received nothing',
    );
  }
  if (config.images.source !== "registry") {
    findings.problem(
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
