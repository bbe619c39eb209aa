import type { ClusterModel } from "./platform.ts";

/** Where people reach what a workload publishes: a name of its own below the ingress's domain. */
export function ingressUrl(
  { host, port }: Pick<ClusterModel["ingress"], "host" | "port">,
  workload: string,
  path = "",
): string {
  return `https://${workload}.${host}${port === 443 ? "" : `:${port}`}${path}`;
}
