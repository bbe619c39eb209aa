import { DatalabError } from "../../errors.ts";
import { labelNames } from "../../model/names.ts";
import { type Cluster, ifVisible } from "./api.ts";
import { objectsOf } from "./inventory.ts";
import { type Claim, type Condition, type Meta, paths } from "./objects.ts";
import { until } from "./scale.ts";

export interface Namespace {
  readonly metadata: Meta;
  readonly status?: { readonly phase?: string; readonly conditions?: readonly Condition[] };
}

/** What every namespace has by itself. */
const makesItself = ["ConfigMap/kube-root-ca.crt", "ServiceAccount/default"];

const pathOf = (cluster: Cluster): string => `/api/v1/namespaces/${cluster.target.namespace}`;

export const findNamespace = (cluster: Cluster): Promise<Namespace | undefined> =>
  cluster.get<Namespace>(pathOf(cluster));

/** Removes the stack's namespace once it holds nothing: neither data nor what somebody else has put there. */
export async function removeEmptyNamespace(cluster: Cluster, stack: string, goneMs: number): Promise<void> {
  const namespace = await ifVisible(findNamespace(cluster));
  if (namespace?.metadata.labels?.[labelNames.stack] !== stack) return;
  const claims = await cluster.list<Claim>(paths.claims(cluster.target.namespace));
  if (claims.length > 0) return;
  const inside = `/namespaces/${cluster.target.namespace}/`;
  const others = (await objectsOf(cluster, "")).filter(
    ({ kind, name, path }) => path.includes(inside) && !makesItself.includes(`${kind}/${name}`),
  );
  if (others.length > 0) return;
  await cluster.remove(pathOf(cluster));
  await until(
    async () => (await findNamespace(cluster)) === undefined,
    goneMs,
    async () => {
      const why = (await findNamespace(cluster))?.status?.conditions
        ?.filter(({ status }) => status === "True")
        .map(({ message }) => message);
      return `The namespace ${cluster.target.namespace} still exists: ${why?.join(" ") || "the cluster gives no reason"}`;
    },
  );
}

/** Throws when the namespace belongs to another stack: what is done to this one must not hit that. */
export async function checkOwner(cluster: Cluster, stack: string): Promise<void> {
  const owner = (await ifVisible(findNamespace(cluster)))?.metadata.labels?.[labelNames.stack];
  if (owner === undefined || owner === stack) return;
  throw new DatalabError(
    "E_NAMESPACE",
    `The namespace ${cluster.target.namespace} belongs to the stack ${owner}, not to ${stack}.`,
    { hint: "Set kubernetes.namespace in the stack's file." },
  );
}
