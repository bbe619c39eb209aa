import { joinName } from "./names.ts";
import type { ClusterModel, ServiceModel, WorkloadModel } from "./platform.ts";

/** What of a workload people open: published HTTP endpoints. */
export const pagesIn = ({ endpoints }: Pick<WorkloadModel, "endpoints">) =>
  endpoints.filter(({ published, protocol }) => published !== null && protocol === "http");

/**
 * The name below the ingress's domain that an endpoint of a workload has: a workload's first page has the workload's own.
 * That of a service whose main part has no page, such as one behind a proxy of its own, has the service's.
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

/** Where people reach a page. */
export const pageUrl = (
  { host, port }: Pick<ClusterModel["ingress"], "host" | "port">,
  page: string,
): string => `https://${page}.${host}${port === 443 ? "" : `:${port}`}`;
