import { labelNames, spawnedRole } from "../../model/names.ts";
import { parseSize, sizePattern } from "../../model/units.ts";
import type { KeptVolume, Owner, StackObject } from "../target.ts";
import { ApiError, type Cluster, ifVisible } from "./api.ts";
import { leaseName } from "./lease.ts";
import { type Claim, type Meta, type Pod, paths } from "./objects.ts";
import { until } from "./scale.ts";
import { podState } from "./state.ts";

/** Something of a stack in a cluster, and where its API has it. */
export interface ClusterObject extends StackObject {
  readonly path: string;
}

interface Discovered {
  readonly items: readonly {
    readonly metadata: { readonly name?: string };
    readonly versions: readonly {
      readonly version: string;
      readonly resources: readonly {
        readonly resource: string;
        readonly scope: "Namespaced" | "Cluster";
        readonly verbs: readonly string[];
        readonly responseKind: { readonly kind: string };
      }[];
    }[];
  }[];
}

interface Kind {
  readonly kind: string;
  readonly namespaced: boolean;
  /** Path of the list. */
  readonly path: string;
}

/**
 * Data and where it lies are not what an inventory of objects is about; the others the cluster makes by
 * itself.
 */
const notListed = [
  "PersistentVolumeClaim",
  "PersistentVolume",
  "Namespace",
  "Event",
  "Endpoints",
  "EndpointSlice",
];
const discovery = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/**
 * Every kind that the cluster can list and delete, whoever has brought it: nothing that a service makes is
 * overlooked.
 */
async function kindsOf(cluster: Cluster): Promise<readonly Kind[]> {
  const { namespace } = cluster.target;
  const found = await Promise.all(
    ["/api", "/apis"].map(async (root) => {
      const { items } = (await (await cluster.send(root, { accept: discovery })).json()) as Discovered;
      return items.flatMap(({ metadata, versions }) => {
        // The first is the one that the cluster prefers.
        const { version, resources = [] } = versions[0] ?? {};
        const base = metadata.name ? `${root}/${metadata.name}/${version}` : `${root}/${version}`;
        return resources
          .filter(({ verbs }) => verbs.includes("list") && verbs.includes("delete"))
          .filter(({ responseKind }) => !notListed.includes(responseKind.kind))
          .map(({ resource, scope, responseKind }) => ({
            kind: responseKind.kind,
            namespaced: scope === "Namespaced",
            path:
              scope === "Namespaced" ? `${base}/namespaces/${namespace}/${resource}` : `${base}/${resource}`,
          }));
      });
    }),
  );
  return found.flat();
}

/** All objects that a selector finds, but for those that another one owns: they go with it. */
export async function objectsOf(cluster: Cluster, labelSelector: string): Promise<readonly ClusterObject[]> {
  return listed(cluster, await kindsOf(cluster), labelSelector);
}

/** What every namespace has by itself. */
const everywhere = ["ServiceAccount/default", "ConfigMap/kube-root-ca.crt"];

/**
 * What lies in the namespace and carries no stack's label; `known` are of people's making and are named in
 * the configuration.
 */
export async function foreignObjects(
  cluster: Cluster,
  known: readonly string[],
): Promise<readonly ClusterObject[]> {
  const inside = (await kindsOf(cluster)).filter(({ namespaced }) => namespaced);
  const found = await listed(cluster, inside, `!${labelNames.stack}`);
  return found.filter(({ kind, name }) => ![...everywhere, ...known].includes(`${kind}/${name}`));
}

async function listed(
  cluster: Cluster,
  kinds: readonly Kind[],
  labelSelector: string,
): Promise<readonly ClusterObject[]> {
  const lists = await Promise.all(
    kinds.map(async ({ kind, path }) => {
      const items = await cluster
        .list<{ metadata: Meta }>(path, { labelSelector })
        .catch((error: unknown) => {
          // What this login may not see it has not made either; some kinds are listed by nobody.
          if (error instanceof ApiError && [403, 404, 405, 503].includes(error.status)) return [];
          throw error;
        });
      return items
        .filter(({ metadata }) => !metadata.ownerReferences?.some(({ controller }) => controller))
        .map(({ metadata }) => ({
          kind,
          name: metadata.name,
          path: `${path}/${metadata.name}`,
          ...ownerOf(metadata),
        }))
        .filter(({ name }) => kind !== "Lease" || name !== leaseName);
    }),
  );
  const order = (o: ClusterObject) => `${o.kind}/${o.name}`;
  return lists.flat().sort((a, b) => (order(a) < order(b) ? -1 : 1));
}

/** What says whose an object is; the namespace says it for everything in it. */
export function ownerOf({ labels, annotations }: Meta): { readonly owner?: Owner } {
  const installation = labels?.[labelNames.installation];
  if (installation === undefined) return {};
  const origin = annotations?.[labelNames.origin];
  return { owner: { installation, ...(origin !== undefined && { origin }) } };
}

export const stackSelector = (stack: string): string => `${labelNames.stack}=${stack}`;
export const spawnedSelector = (stack: string): string =>
  `${stackSelector(stack)},${labelNames.role}=${spawnedRole}`;

/**
 * Removes objects and waits until they, and pods that a selector finds, are gone. What another pod has
 * started is not waited for, it goes with that pod: Spark's executors live on while there is work, or a
 * session that may have some.
 */
export async function removeObjects(
  cluster: Cluster,
  objects: readonly ClusterObject[],
  podSelector: string,
  goneMs: number,
): Promise<void> {
  if (objects.length === 0) return;
  await Promise.all(objects.map(({ path }) => cluster.remove(path)));
  const left = async () => {
    const [there, pods] = await Promise.all([
      Promise.all(
        objects.map(async ({ kind, path }) => {
          const found = await cluster.get<{ metadata: Meta }>(path);
          return found && notGone(kind, found.metadata);
        }),
      ),
      cluster.list<Pod>(paths.pods(cluster.target.namespace), { labelSelector: podSelector }),
    ]);
    return [
      ...there.filter((name) => name !== undefined),
      ...pods
        .filter(({ metadata }) => !metadata.ownerReferences?.some(({ kind }) => kind === "Pod"))
        .map(({ metadata }) => notGone("Pod", metadata)),
    ];
  };
  await until(
    async () => (await left()).length === 0,
    goneMs,
    async () => `These were removed but still exist: ${[...new Set(await left())].join(", ")}`,
  );
}

/**
 * What has been removed and is still there, with whoever must let it go first: a controller that is dead,
 * mostly.
 */
function notGone(kind: string, { name, finalizers = [] }: Meta): string {
  return `${kind} ${name}${finalizers.length > 0 ? ` (held by ${finalizers.join(", ")})` : ""}`;
}

/** Waits until the pods that a selector finds have ended. */
export async function podsGone(cluster: Cluster, labelSelector: string, goneMs: number): Promise<void> {
  const left = () => cluster.list<Pod>(paths.pods(cluster.target.namespace), { labelSelector });
  await until(
    async () => (await left()).length === 0,
    goneMs,
    async () =>
      `These pods have not ended: ${(await left()).map((pod) => `${pod.metadata.name} (${podState(pod).words})`).join(", ")}`,
  );
}

interface Volume {
  readonly metadata: Meta;
  readonly spec: {
    readonly capacity?: { readonly storage?: string };
    readonly claimRef?: { readonly namespace?: string; readonly name?: string };
    readonly persistentVolumeReclaimPolicy?: string;
  };
}

const volumesPath = "/api/v1/persistentvolumes";
/** What a volume is called whose claim is gone. */
const released = "PersistentVolume/";

/**
 * Claims of the stack with the size that they have, and volumes that claims of its namespace have left
 * behind.
 */
export async function keptVolumes(cluster: Cluster, stack: string): Promise<readonly KeptVolume[]> {
  const { namespace } = cluster.target;
  const [claims, volumes] = await Promise.all([
    cluster.list<Claim>(paths.claims(namespace), { labelSelector: stackSelector(stack) }),
    volumesIn(cluster),
  ]);
  const isThere = (volume: Volume) =>
    claims.some(({ metadata }) => metadata.name === volume.spec.claimRef?.name);
  return [
    ...claims.map(({ metadata, status }) => ({
      name: metadata.name,
      service: metadata.labels?.[labelNames.service] ?? "",
      bytes: bytesOf(status?.capacity?.storage),
    })),
    ...volumes
      .filter((volume) => !isThere(volume))
      .map(({ metadata, spec }) => ({
        name: `${released}${metadata.name}`,
        service: metadata.labels?.[labelNames.service] ?? "",
        bytes: bytesOf(spec.capacity?.storage),
      })),
  ];
}

/**
 * Volumes that are, or were, bound to a claim of the namespace; none for a login that may not see volumes.
 */
async function volumesIn(cluster: Cluster): Promise<readonly Volume[]> {
  const all = (await ifVisible(cluster.list<Volume>(volumesPath))) ?? [];
  return all.filter(({ spec }) => spec.claimRef?.namespace === cluster.target.namespace);
}

export const bytesOf = (size: string | undefined): number | null =>
  size !== undefined && sizePattern.test(size) ? parseSize(size) : null;

/** Removes claims with the volumes behind them, and with the disks behind those. */
export async function removeClaims(
  cluster: Cluster,
  names: readonly string[],
  goneMs: number,
): Promise<void> {
  const { namespace } = cluster.target;
  const wanted = (volume: Volume) =>
    names.includes(`${released}${volume.metadata.name}`) || names.includes(volume.spec.claimRef?.name ?? "");
  const volumes = (await volumesIn(cluster)).filter(wanted);
  for (const { metadata, spec } of volumes) {
    if (spec.persistentVolumeReclaimPolicy === "Delete") continue;
    // Whatever serves the storage removes the disk then; otherwise only its entry would go.
    await cluster.patch(`${volumesPath}/${metadata.name}`, {
      spec: { persistentVolumeReclaimPolicy: "Delete" },
    });
  }
  const claims = names.filter((name) => !name.startsWith(released));
  await Promise.all(claims.map((name) => cluster.remove(`${paths.claims(namespace)}/${name}`)));
  const left = async () => [
    ...(await cluster.list<Claim>(paths.claims(namespace)))
      .filter(({ metadata }) => claims.includes(metadata.name))
      .map(({ metadata }) => notGone("PersistentVolumeClaim", metadata)),
    ...(await volumesIn(cluster)).filter(wanted).map(({ metadata }) => notGone("PersistentVolume", metadata)),
  ];
  await until(
    async () => (await left()).length === 0,
    goneMs,
    async () => `These were removed but still exist: ${(await left()).join(", ")}`,
  );
}
