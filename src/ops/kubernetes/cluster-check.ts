import { ConfigError, DatalabError, type Problem } from "../../errors.ts";
import type { Environment } from "../../model/environment.ts";
import { labelNames } from "../../model/names.ts";
import type { ClusterModel, PlatformModel } from "../../model/platform.ts";
import { type Cluster, connectCluster, ifVisible } from "./api.ts";
import { findNamespace } from "./namespace.ts";
import type { Meta } from "./objects.ts";

interface StorageClass {
  readonly metadata: Meta;
}

const isDefault = "storageclass.kubernetes.io/is-default-class";

/**
 * Throws one ConfigError with all that the cluster lacks of what the configuration names there. Changes
 * nothing.
 */
export async function checkCluster(model: PlatformModel, environment: Environment): Promise<void> {
  const { cluster: wanted } = model;
  if (!wanted) throw new Error("the model has no cluster");
  let cluster: Cluster;
  try {
    cluster = connectCluster(wanted);
    await cluster.send("/version");
  } catch (error) {
    if (!(error instanceof DatalabError)) throw error;
    throw new ConfigError([notReached(wanted, error, environment)]);
  }
  const problems = await Promise.all([
    ingressProblem(cluster, wanted),
    storageProblem(cluster, wanted, model),
    namespaceProblem(cluster, wanted, model.stack),
  ]);
  const found = problems.filter((problem) => problem !== undefined);
  if (found.length === 0) return;
  throw new ConfigError(found.map((problem) => ({ ...problem, at: environment.locate(problem.path) })));
}

function notReached({ context }: ClusterModel, error: DatalabError, environment: Environment): Problem {
  const path = ["kubernetes", error.code === "E_KUBECONFIG" ? "kubeconfig" : "context"];
  return {
    path,
    message: `expected a cluster that answers, received ${JSON.stringify(context)}: ${error.message}`,
    at: environment.locate(path),
    ...(error.hint && { fix: error.hint }),
  };
}

async function ingressProblem(cluster: Cluster, { ingress }: ClusterModel): Promise<Problem | undefined> {
  const classes = await visible<{ metadata: Meta }>(cluster, "/apis/networking.k8s.io/v1/ingressclasses");
  const names = classes?.map(({ metadata }) => metadata.name);
  if (!names || names.includes(ingress.className)) return undefined;
  return {
    path: ["kubernetes", "ingress", "class"],
    message: `expected an ingress class of the cluster, received ${JSON.stringify(ingress.className)}`,
    fix:
      names.length === 0
        ? "It has none: install an ingress controller, such as Traefik or ingress-nginx."
        : `It has ${names.join(", ")}.`,
  };
}

async function storageProblem(
  cluster: Cluster,
  { storageClass }: ClusterModel,
  model: PlatformModel,
): Promise<Problem | undefined> {
  const isNeeded = model.services.some((s) => s.workloads.some(({ volumes }) => volumes.length > 0));
  const classes = await visible<StorageClass>(cluster, "/apis/storage.k8s.io/v1/storageclasses");
  if (!classes || !isNeeded) return undefined;
  const names = classes.map(({ metadata }) => metadata.name);
  const path = ["kubernetes", "storageClass"];
  const fix = names.length === 0 ? "It has none: install a provisioner." : `It has ${names.join(", ")}.`;
  if (storageClass !== null) {
    if (names.includes(storageClass)) return undefined;
    const message = `expected a storage class of the cluster, received ${JSON.stringify(storageClass)}`;
    return { path, message, fix };
  }
  if (classes.some(({ metadata }) => metadata.annotations?.[isDefault] === "true")) return undefined;
  return { path, message: "expected a storage class, received nothing, and the cluster has no default", fix };
}

async function namespaceProblem(
  cluster: Cluster,
  { namespace }: ClusterModel,
  stack: string,
): Promise<Problem | undefined> {
  const found = await ifVisible(findNamespace(cluster));
  if (!found) return undefined;
  const path = ["kubernetes", "namespace"];
  const owner = found.metadata.labels?.[labelNames.stack];
  if (owner !== undefined && owner !== stack) {
    return {
      path,
      message: `expected a namespace of this stack's own, received ${namespace}, which belongs to the stack ${owner}`,
      fix: "Set another name, or remove the setting; the default is datalab-<stack>.",
    };
  }
  if (found.status?.phase !== "Terminating") return undefined;
  return {
    path,
    message: `expected a namespace that is not being deleted, received ${namespace}, which is being deleted`,
    fix: "Wait until it is gone: kubectl get namespace -o yaml shows what it waits for.",
  };
}

/** A list; undefined for a login that may not see it: then the cluster has the last word. */
const visible = <T>(cluster: Cluster, path: string): Promise<readonly T[] | undefined> =>
  ifVisible(cluster.list<T>(path));
