import { joinName } from "./names.ts";
import type { ClusterModel, ServiceModel, WorkloadModel } from "./platform.ts";

/** The pages of a workload: its published HTTP endpoints. */
export const pagesIn = ({ endpoints }: Pick<WorkloadModel, "endpoints">) =>
  endpoints.filter(({ published, protocol }) => published !== null && protocol === "http");

/**
 * The name of an endpoint below the ingress's domain: a workload's first page has the workload's name.
 * If the main part has no page, as behind a service's own proxy, the page has the service's name.
 */
export function pageName(
  { name, workloads }: Pick<ServiceModel, "name" | "workloads">,
  workload: WorkloadModel,
  endpoint: string,
): string {
  const withPages = workloads.filter((each) => pagesIn(each).length > 0);
  const main = withPages.find((each) => each.name === name) ?? withPages[0];
  const base = workload === main ? name : workload.name;
  return pagesIn(workload)[0]?.name === endpoint ? base : joinName(base, endpoint);
}

/** The public address of a page. */
export const pageUrl = (
  { host, port }: Pick<ClusterModel["ingress"], "host" | "port">,
  page: string,
): string => `https://${page}.${host}${port === 443 ? "" : `:${port}`}`;
