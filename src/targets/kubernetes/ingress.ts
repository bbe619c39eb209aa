import type * as k8s from "@pulumi/kubernetes";
import { pageName, pagesIn, pageUrl } from "../../model/ingress.ts";
import type { ClusterModel, EndpointModel, PlatformModel, WorkloadModel } from "../../model/platform.ts";
import { stackLabels } from "./names.ts";

/** The way in: a host name per published page, all of them led to the gateway, which asks for the login. */

export const tlsSecretName = "ingress-tls";

interface Page {
  readonly endpoint: EndpointModel;
  /** Below the ingress's domain. */
  readonly name: string;
  readonly host: string;
  readonly service: string;
  readonly port: number;
}

/** Published HTTP endpoints; what speaks another protocol is reached inside the cluster only. */
export function pagesOf(model: PlatformModel, cluster: ClusterModel): Page[] {
  const workloads = model.services.flatMap((s) => s.workloads);
  return model.services.flatMap((service) =>
    service.workloads.flatMap((workload) =>
      pagesIn(workload).map((endpoint) => {
        const name = pageName(service, workload, endpoint.name);
        return {
          endpoint,
          name,
          host: `${name}.${cluster.ingress.host}`,
          ...backend(workloads, workload, endpoint),
        };
      }),
    ),
  );
}

/** The gateway, where there is one: it listens inside on the numbers that endpoints are published at. */
function backend(workloads: readonly WorkloadModel[], workload: WorkloadModel, endpoint: EndpointModel) {
  const published = endpoint.published as number;
  const gateway = workloads.find((w) => w.ports.some(({ internal }) => internal === published));
  return gateway && gateway !== workload
    ? { service: gateway.name, port: published }
    : { service: workload.name, port: endpoint.port };
}

/** Where people reach an endpoint; empty: nowhere. */
export function publicUrls(model: PlatformModel, cluster: ClusterModel): (endpoint: EndpointModel) => string {
  const urls = new Map(
    pagesOf(model, cluster).map(({ endpoint, name }) => [endpoint, pageUrl(cluster.ingress, name)]),
  );
  return (endpoint) => urls.get(endpoint) ?? "";
}

export function ingressArgs(model: PlatformModel, cluster: ClusterModel): k8s.networking.v1.IngressArgs {
  const pages = pagesOf(model, cluster);
  return {
    metadata: {
      name: "pages",
      namespace: cluster.namespace,
      labels: { ...stackLabels(model.stack) },
      annotations: {
        // Not every controller says where it is to be found.
        "pulumi.com/skipAwait": "true",
        // What controllers that are not asked ignore: no plain HTTP, and uploads of any size.
        "traefik.ingress.kubernetes.io/router.entrypoints": "websecure",
        "nginx.ingress.kubernetes.io/ssl-redirect": "true",
        "nginx.ingress.kubernetes.io/proxy-body-size": "0",
        "nginx.ingress.kubernetes.io/proxy-request-buffering": "off",
        "nginx.ingress.kubernetes.io/proxy-read-timeout": "600",
        // A page that asks for a login is up.
        "alb.ingress.kubernetes.io/success-codes": "200-499",
        "alb.ingress.kubernetes.io/listen-ports": '[{"HTTPS":443}]',
      },
    },
    spec: {
      ingressClassName: cluster.ingress.className,
      tls: [{ hosts: pages.map(({ host }) => host), secretName: cluster.ingress.tlsSecret ?? tlsSecretName }],
      rules: pages.map(({ host, service, port }) => ({
        host,
        http: {
          paths: [
            {
              path: "/",
              pathType: "Prefix",
              backend: { service: { name: service, port: { number: port } } },
            },
          ],
        },
      })),
    },
  };
}
