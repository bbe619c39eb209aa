import { describe, expect, test } from "vitest";
import type { ConfigError } from "../../../src/errors.ts";
import type { PlatformModel } from "../../../src/model/platform.ts";
import { kubernetesHost } from "../../../src/ops/kubernetes/host.ts";
import { declare, makeProject, platformYaml } from "../../support/project.ts";
import { type Contents, standInCluster, type Thing } from "../stand-in-cluster.ts";

const stack = "lab";
const labels = (workload: string, more: Record<string, string> = {}) => ({
  "datalab.stack": stack,
  "datalab.service": workload,
  "datalab.workload": workload,
  ...more,
});
const thing = (name: string, more: Partial<Thing> & { labels?: Record<string, string> } = {}): Thing => {
  const { labels: given = labels(name), ...rest } = more;
  return { ...rest, metadata: { name, labels: given, ...rest.metadata } };
};
const inside = (path: string) => path.replace("//", "/namespaces/datalab-lab/");

const target = (kubeconfig: string) => ({
  stack,
  target: "kubernetes" as const,
  cluster: {
    context: "lab",
    kubeconfig,
    namespace: "datalab-lab",
    storageClass: null,
    ingress: {
      host: "lab.example.com",
      className: "traefik",
      port: 8443,
      address: null,
      tlsSecret: null,
      namespace: "traefik",
    },
    pullSecrets: [],
    apiServer: [],
    cpuOvercommit: 1,
  },
});

const owned = { ownerReferences: [{ kind: "ReplicaSet", name: "core-1", controller: true }] };

function contents(): Contents {
  return {
    [inside("/api/v1//pods")]: [
      thing("core-1-a", {
        labels: labels("core"),
        metadata: { name: "core-1-a", labels: labels("core"), ...owned },
      }),
      thing("notebook-ann", { labels: labels("hub", { "datalab.role": "spawned" }) }),
      thing("foreign", { labels: { "datalab.stack": "other" } }),
    ],
    [inside("/apis/apps/v1//deployments")]: [thing("core")],
    [inside("/api/v1//services")]: [thing("core")],
    [inside("/api/v1//endpoints")]: [thing("core")],
    [inside("/api/v1//secrets")]: [],
    [inside("/api/v1//configmaps")]: [],
    [inside("/api/v1//persistentvolumeclaims")]: [
      {
        ...thing("data-postgres-0", { labels: labels("postgres") }),
        status: { capacity: { storage: "20Gi" } },
      },
    ],
    "/api/v1/persistentvolumes": [
      {
        ...thing("pv-1", { labels: {} }),
        spec: {
          claimRef: { namespace: "datalab-lab", name: "data-postgres-0" },
          persistentVolumeReclaimPolicy: "Delete",
        },
      },
      {
        ...thing("pv-2", { labels: {} }),
        spec: { claimRef: { namespace: "datalab-lab", name: "gone" }, capacity: { storage: "1Gi" } },
      },
      { ...thing("pv-3", { labels: {} }), spec: { claimRef: { namespace: "other", name: "x" } } },
    ],
    "/apis/scheduling.k8s.io/v1/priorityclasses": [thing("datalab-lab-data")],
    "/api/v1/namespaces": [thing("datalab-lab")],
  };
}

describe("what carries a stack's labels in a cluster", () => {
  test("is found by kind, without what the cluster or a controller makes of it, and with its data", async () => {
    const { kubeconfig } = await standInCluster(contents());
    expect(await kubernetesHost(target(kubeconfig)).inventory(stack)).toEqual({
      objects: [
        { kind: "Deployment", name: "core", path: inside("/apis/apps/v1//deployments/core") },
        { kind: "Pod", name: "notebook-ann", path: inside("/api/v1//pods/notebook-ann") },
        {
          kind: "PriorityClass",
          name: "datalab-lab-data",
          path: "/apis/scheduling.k8s.io/v1/priorityclasses/datalab-lab-data",
        },
        { kind: "Service", name: "core", path: inside("/api/v1//services/core") },
      ],
      volumes: [
        { name: "data-postgres-0", service: "postgres", bytes: 20 * 2 ** 30 },
        { name: "PersistentVolume/pv-2", service: "", bytes: 2 ** 30 },
      ],
    });
  });

  test("what lies among it without them is foreign, but for what every namespace has and what people named", async () => {
    const nobodys = (name: string) => thing(name, { labels: {} });
    const { kubeconfig } = await standInCluster({
      ...contents(),
      [inside("/api/v1//secrets")]: [nobodys("lab-registry"), nobodys("left-behind")],
      [inside("/api/v1//configmaps")]: [nobodys("kube-root-ca.crt")],
      "/apis/scheduling.k8s.io/v1/priorityclasses": [nobodys("system-node-critical")],
    });
    const { cluster, ...place } = target(kubeconfig);
    const named = { ...place, cluster: cluster && { ...cluster, pullSecrets: ["lab-registry"] } };
    expect(await kubernetesHost(named).foreign?.()).toEqual([
      { kind: "Secret", name: "left-behind", path: inside("/api/v1//secrets/left-behind") },
    ]);
  });

  test("what services have started goes first, and only that", async () => {
    const cluster = await standInCluster(contents());
    const host = kubernetesHost(target(cluster.kubeconfig));
    expect(await host.spawned(stack)).toEqual(["notebook-ann"]);
    expect(await host.removeSpawned(stack)).toEqual(["notebook-ann"]);
    expect(cluster.changes.map(({ method, path }) => `${method} ${path}`)).toEqual([
      `DELETE ${inside("/api/v1//pods/notebook-ann")}`,
    ]);
    expect(await host.spawned(stack)).toEqual([]);
  });

  test("what a pod of the stack has started goes with that pod, and is not waited for", async () => {
    const executor = {
      name: "executor-1",
      labels: labels("spark-connect", { "datalab.role": "spawned" }),
      ownerReferences: [{ kind: "Pod", name: "spark-connect-a", controller: true }],
    };
    const cluster = await standInCluster({
      [inside("/api/v1//pods")]: [
        { metadata: executor },
        thing("notebook-ann", { labels: labels("hub", { "datalab.role": "spawned" }) }),
      ],
    });
    const host = kubernetesHost(target(cluster.kubeconfig), { goneSeconds: 1 });
    expect(await host.removeSpawned(stack)).toEqual(["notebook-ann"]);
    expect(cluster.contents[inside("/api/v1//pods")]?.map(({ metadata }) => metadata.name)).toEqual([
      "executor-1",
    ]);
  });

  test("what the engine does not know is removed by kind and name", async () => {
    const cluster = await standInCluster({ ...contents(), [inside("/api/v1//pods")]: [] });
    const host = kubernetesHost(target(cluster.kubeconfig));
    await host.removeLeftovers([
      { kind: "Service", name: "core" },
      { kind: "Secret", name: "gone-since" },
    ]);
    expect(cluster.changes.map(({ path }) => path)).toEqual([inside("/api/v1//services/core")]);
  });

  test("nothing is removed from the namespace of another stack", async () => {
    const foreign = {
      ...contents(),
      "/api/v1/namespaces": [thing("datalab-lab", { labels: { "datalab.stack": "x" } })],
    };
    const cluster = await standInCluster(foreign);
    const host = kubernetesHost(target(cluster.kubeconfig));
    const refusal = {
      code: "E_NAMESPACE",
      message: "The namespace datalab-lab belongs to the stack x, not to lab.",
    };
    await expect(host.removeSpawned(stack)).rejects.toMatchObject(refusal);
    await expect(host.removeLeftovers([{ kind: "Service", name: "core" }])).rejects.toMatchObject(refusal);
    await expect(host.removeVolumes(["data-postgres-0"])).rejects.toMatchObject(refusal);
    expect(cluster.changes).toEqual([]);
  });
});

test("the core is asked at its page", () => {
  const host = kubernetesHost(target("/nowhere"));
  const model = {
    ...declare(makeProject({})).model,
    cluster: target("").cluster,
  } as PlatformModel;
  expect(host.coreUrl(model)).toBe("https://core.lab.example.com:8443");
});

describe("what is checked before anything is touched", () => {
  const yaml = (kubeconfig: string, more = "") =>
    platformYaml(`
  target: kubernetes
  images:
    source: registry
  kubernetes:
    context: lab
    kubeconfig: ${kubeconfig}
    ingress:
      host: lab.example.com${more}`);
  const problems = async (
    given: Contents,
    more = "",
    refuses?: (method: string, path: string) => number | undefined,
  ) => {
    const { kubeconfig } = await standInCluster(given, refuses);
    const project = makeProject({ "Pulumi.lab.yaml": yaml(kubeconfig, more) });
    const { model, environment } = declare(project, stack);
    return kubernetesHost(model)
      .checkTarget(model, environment)
      .then(
        () => [],
        (error: ConfigError) => error.problems,
      );
  };
  const ingress = "/apis/networking.k8s.io/v1/ingressclasses";
  const storage = "/apis/storage.k8s.io/v1/storageclasses";
  const usual = {
    metadata: { name: "local", annotations: { "storageclass.kubernetes.io/is-default-class": "true" } },
  };

  test("a cluster that has all of it is fine", async () => {
    expect(await problems({ [ingress]: [thing("traefik")], [storage]: [usual] })).toEqual([]);
  });

  test("everything that is missing is said at once, with what there is", async () => {
    const given = {
      [ingress]: [thing("nginx")],
      [storage]: [{ metadata: { name: "slow" } }],
      "/api/v1/namespaces": [thing("datalab-lab", { labels: { "datalab.stack": "other" } })],
    };
    expect(await problems(given)).toEqual([
      {
        path: ["kubernetes", "storageClass"],
        message: "expected a storage class, received nothing, and the cluster has no default",
        fix: "It has slow.",
        at: "Pulumi.lab.yaml:6:5",
      },
      {
        path: ["kubernetes", "namespace"],
        message:
          "expected a namespace of this stack's own, received datalab-lab, which belongs to the stack other",
        fix: "Set another name, or remove the setting; the default is datalab-<stack>.",
        at: "Pulumi.lab.yaml:6:5",
      },
      {
        path: ["kubernetes", "ingress", "class"],
        message: 'expected an ingress class of the cluster, received "traefik"',
        fix: "It has nginx.",
        at: "Pulumi.lab.yaml:9:7",
      },
    ]);
  });

  test("a cluster that does not answer is a matter of the context", async () => {
    expect(await problems({}, "", () => 503)).toMatchObject([
      {
        path: ["kubernetes", "context"],
        message:
          'expected a cluster that answers, received "lab": The cluster of the context lab returned 503: /version is not for you',
      },
    ]);
  });

  test("what the login may not see is left to the cluster", async () => {
    const hidden = (_method: string, path: string) => (path.startsWith("/version") ? undefined : 403);
    expect(await problems({}, "", hidden)).toEqual([]);
  });
});
