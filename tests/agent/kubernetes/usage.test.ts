import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Containers } from "../../../src/agent/containers.ts";
import { KubernetesApi } from "../../../src/agent/kubernetes/api.ts";
import type { PodContainer } from "../../../src/agent/kubernetes/pod.ts";
import { PodUsage } from "../../../src/agent/kubernetes/usage.ts";
import { ClusterStage } from "../support/cluster-stage.ts";
import { namespace, stack } from "../support/fake-cluster.ts";

let stage: ClusterStage;
let said: string[];
let usage: PodUsage;
const containers = new Containers<PodContainer>();

beforeEach(async () => {
  stage = new ClusterStage();
  said = [];
  const { url, folder } = await stage.open();
  const api = new KubernetesApi({ url, folder });
  usage = new PodUsage({ api, namespace, stack, containers, log: (line) => said.push(line), cacheMs: -1 });
  containers.put({
    ...{ id: "u1/main", name: "web-1", pod: "web-1", inner: "main", service: "s", workload: "web" },
    ...{ oneShot: false, state: "running", running: true, instance: "a", restarts: 0, startedAt: "" },
    ...{ exitCode: 0, healthy: null, memoryLimit: 0, killed: new Set<string>(), oomKills: 0 },
  });
});
afterEach(() => stage.close());

/** What is measured when the metrics API says that the container used so many cores in the ten seconds before. */
async function measured(second: number, cpu: string) {
  stage.cluster.metrics = [
    {
      metadata: { name: "web-1" },
      timestamp: new Date(second * 1_000).toISOString(),
      window: "10s",
      containers: [{ name: "main", usage: { cpu, memory: "3Mi" } }],
    },
  ];
  return (await usage.now()).get("u1/main");
}

describe("CPU time from cores in use", () => {
  test("adds up, whenever it is asked for", async () => {
    expect(await measured(1_000, "2")).toEqual({ cpuSeconds: 20, workingSetBytes: 3 * 2 ** 20 });
    // Nothing new was measured.
    expect((await measured(1_000, "2"))?.cpuSeconds).toBe(20);
    expect((await measured(1_010, "500m"))?.cpuSeconds).toBe(25);
    // One measurement was missed.
    expect((await measured(1_030, "100000000n"))?.cpuSeconds).toBeCloseTo(27, 9);
    // A measurement that is older than the one before does not turn it back.
    expect((await measured(1_020, "4"))?.cpuSeconds).toBeCloseTo(27, 9);
  });

  test("says once that it can't be had, and once that it can", async () => {
    await usage.now();
    await usage.now();
    expect([usage.available, said.length]).toEqual([false, 1]);
    await measured(1_000, "1");
    await measured(1_010, "1");
    expect([usage.available, said.at(-1), said.length]).toEqual([
      true,
      "the metrics API answers: processor and memory are measured",
      2,
    ]);
  });
});
