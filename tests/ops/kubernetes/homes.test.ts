import { expect, test } from "vitest";
import type { Cluster } from "../../../src/ops/kubernetes/api.ts";
import { kubernetesHomes } from "../../../src/ops/kubernetes/homes.ts";

test("a home that is gone when it is to be saved gets no claim and no pod", async () => {
  const sent: string[] = [];
  const cluster = {
    target: { context: "lab", namespace: "datalab-dev" },
    get: async () => undefined,
    list: async () => [],
    send: async (path: string) => void sent.push(path),
  };
  const homes = {
    ...{ stack: "dev", service: "jupyterhub", workload: "jupyterhub", instance: "jupyterhub" },
    ...{ key: "notebook", path: "/home/notebook", sizeBytes: 2 ** 30, storageClass: null },
  };
  const opened = kubernetesHomes(cluster as never as Cluster).open(homes, "ana", { make: false });
  await expect(opened).rejects.toMatchObject({
    code: "E_HOME_GONE",
    message: "The home of ana is no longer there.",
  });
  expect(sent).toEqual([]);
});
