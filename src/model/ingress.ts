import { joinName } from "./names.ts";
import type { ClusterModel, WorkloadModel } from "./platform.ts";

/** The name below the ingress's domain that an endpoint of a workload has: its first page has the workload's own. */
export function pageName(
  { name, endpoints }: Pick<WorkloadModel, "name" | "endpoints">,
  endpoint: string,
): string {
  const pages = endpoints.filter(({ published, protocol }) => published !== null && protocol === "http");
  return pages[0]?.name === endpoint ? name : joinName(name, endpoint);
}

/** Where people reach a page. */
export const pageUrl = (
  { host, port }: Pick<ClusterModel["ingress"], "host" | "port">,
  page: string,
): string => `https://${page}.${host}${port === 443 ? "" : `:${port}`}`;
