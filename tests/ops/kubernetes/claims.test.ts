import { expect, test } from "vitest";
import type { Cluster } from "../../../src/ops/kubernetes/api.ts";
import { ensureClaim } from "../../../src/ops/kubernetes/claims.ts";
import { storeClaim } from "../../../src/ops/kubernetes/helper-pod.ts";

/** A cluster that has these claims, and remembers what is sent to it. */
function clusterWith(claims: readonly string[]) {
  const sent: unknown[] = [];
  const cluster = {
    target: { context: "lab", namespace: "datalab-dev" },
    get: async (path: string) =>
      claims.some((name) => path === `/api/v1/namespaces/datalab-dev/persistentvolumeclaims/${name}`)
        ? {}
        : undefined,
    send: async (path: string, { method, body }: { method: string; body: object }) => {
      sent.push([method, path, JSON.parse(JSON.stringify(body))]);
    },
  };
  return { cluster: cluster as never as Cluster, sent };
}

test("a claim that is there stays as it is", async () => {
  const { cluster, sent } = clusterWith(["home-ada"]);
  await ensureClaim(cluster, { name: "home-ada", labels: {}, size: "1" });
  expect(sent).toEqual([]);
});

test("a claim that is missing is made with its labels, size and storage class", async () => {
  const { cluster, sent } = clusterWith(["home-ada"]);
  const labels = { "datalab.stack": "dev" };
  const spec = { storageClassName: "fast" };
  await ensureClaim(cluster, { name: "home-bob", labels, size: "1073741824", spec });
  expect(sent).toEqual([
    [
      "POST",
      "/api/v1/namespaces/datalab-dev/persistentvolumeclaims",
      {
        apiVersion: "v1",
        kind: "PersistentVolumeClaim",
        metadata: { name: "home-bob", labels },
        spec: {
          accessModes: ["ReadWriteOnce"],
          storageClassName: "fast",
          resources: { requests: { storage: "1073741824" } },
        },
      },
    ],
  ]);
});

test("a store's claim is like its StatefulSet's template, with the size of the volume and no volume of its own", async () => {
  const { cluster, sent } = clusterWith([]);
  const like = {
    metadata: { labels: { "datalab.workload": "store" } },
    spec: { accessModes: ["ReadWriteOncePod"], storageClassName: "slow", volumeName: "pv-7" },
  };
  const found = { spec: { volumeClaimTemplates: [like] } };
  const side = { stack: "dev", workload: { name: "store", service: "object-store" } };
  const claim = storeClaim(found as never, side as never, { name: "data", sizeBytes: 3 * 2 ** 20 - 1 });
  await ensureClaim(cluster, claim);
  expect(sent).toEqual([
    [
      "POST",
      "/api/v1/namespaces/datalab-dev/persistentvolumeclaims",
      {
        apiVersion: "v1",
        kind: "PersistentVolumeClaim",
        metadata: { name: "data-store-0", labels: { "datalab.workload": "store" } },
        spec: {
          accessModes: ["ReadWriteOncePod"],
          storageClassName: "slow",
          resources: { requests: { storage: "3Mi" } },
        },
      },
    ],
  ]);
  expect(storeClaim({ spec: {} } as never, side as never, { name: "data", sizeBytes: 1 })).toEqual({
    name: "data-store-0",
    labels: { "datalab.stack": "dev", "datalab.service": "object-store" },
    size: "1Mi",
    spec: { volumeName: undefined },
  });
});
