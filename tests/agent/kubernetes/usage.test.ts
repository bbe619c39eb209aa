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
let now: number;
const containers = new Containers<PodContainer>();
const container: PodContainer = {
  ...{ id: "u1/main", name: "web-1", pod: "web-1", inner: "main", service: "s", workload: "web" },
  ...{ oneShot: false, state: "running", running: true, instance: "a", restarts: 0, startedAt: "" },
  ...{ exitCode: 0, healthy: null, memoryLimit: 0, killed: new Set<string>(), oomKills: 0 },
};

beforeEach(async () => {
  stage = new ClusterStage();
  said = [];
  const { url, folder } = await stage.open();
  const api = new KubernetesApi({ url, folder });
  now = 0;
  const log = (line: string) => void said.push(line);
  usage = new PodUsage({ api, namespace, stack, containers, log, now: () => now });
  containers.put(container);
});
afterEach(() => stage.close());

/** What is measured at that second, when the container has used so many cores in the ten seconds before. */
async function measured(second: number, cpu: string) {
  now = second * 1_000;
  stage.cluster.metrics = [
    {
      metadata: { name: "web-1" },
      timestamp: "2026-01-31T12:00:10Z",
      window: "10s",
      containers: [{ name: "main", usage: { cpu, memory: "3Mi" } }],
    },
  ];
  return (await usage.now()).get("u1/main");
}

describe("CPU time from cores in use", () => {
  test("adds up evenly, and begins anew with a container", async () => {
    expect(await measured(1_000, "2")).toEqual({ cpuSeconds: 20, workingSetBytes: 3 * 2 ** 20 });
    // It is not asked more often than every five seconds.
    expect((await measured(1_004, "1"))?.cpuSeconds).toBe(20);
    expect((await measured(1_010, "500m"))?.cpuSeconds).toBe(25);
    // Nothing new was measured: it is taken to go on so.
    expect((await measured(1_020, "500m"))?.cpuSeconds).toBe(30);
    expect((await measured(1_050, "100000000n"))?.cpuSeconds).toBeCloseTo(33, 9);
    containers.forget("u1/main");
    expect(await measured(1_060, "1")).toBeUndefined();
    containers.put(container);
    expect((await measured(1_070, "1"))?.cpuSeconds).toBe(10);
  });

  test("says once that it can't be had, and once that it can", async () => {
    for (now of [0, 10_000]) await usage.now();
    expect([usage.available, said.length]).toEqual([false, 1]);
    await measured(20, "1");
    await measured(30, "1");
    expect([usage.available, said.at(-1), said.length]).toEqual([
      true,
      "the metrics API answers: CPU and memory are measured",
      2,
    ]);
  });
});
