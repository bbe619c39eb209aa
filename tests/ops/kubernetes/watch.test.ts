import { expect, test } from "vitest";
import { connectCluster } from "../../../src/ops/kubernetes/api.ts";
import { diagnose, endOneShots, failedJobs, watchPods } from "../../../src/ops/kubernetes/watch.ts";
import { cannotStart } from "../../../src/ops/lifecycle/up-text.ts";
import type { UpdateView } from "../../../src/ops/target.ts";
import { type Contents, standInCluster, type Thing } from "../stand-in-cluster.ts";

const inside = (path: string) => path.replace("//", "/namespaces/lab/");
const pods = inside("/api/v1//pods");
const jobs = inside("/apis/batch/v1//jobs");
const events = inside("/api/v1//events");
const labels = (workload: string) => ({ "datalab.stack": "dev", "datalab.workload": workload });
const pod = (name: string, workload: string, restartCount: number): Thing => ({
  metadata: { name, labels: labels(workload) },
  spec: { containers: [{ name: "main" }] },
  status: {
    phase: "Running",
    containerStatuses: [
      {
        name: "main",
        restartCount,
        ...(restartCount > 0
          ? {
              state: { waiting: { reason: "CrashLoopBackOff" } },
              lastState: { terminated: { exitCode: 3, reason: "Error" } },
            }
          : { state: { running: {} } }),
      },
    ],
  },
});
const job = (name: string, condition?: string): Thing => ({
  metadata: { name, labels: labels(name) },
  status: {
    conditions: condition ? [{ type: condition, status: "True", message: "it has used up its tries" }] : [],
  },
});
const event = (kind: string, name: string, message: string, at: string) =>
  ({
    metadata: { name: `${name}.${at}` },
    type: "Warning",
    reason: "BackOff",
    message,
    count: 2,
    involvedObject: { kind, name },
    lastTimestamp: new Date(Date.now() + Number(at) * 1000).toISOString(),
  }) as Thing;

async function clusterWith(contents: Contents, logs: Record<string, string> = {}) {
  const { kubeconfig, changes, reads } = await standInCluster(contents, undefined, logs);
  const cluster = connectCluster({ context: "lab", kubeconfig, namespace: "lab" });
  /** What was there before has been seen. */
  const begun = () => expect.poll(() => reads.includes(events), { timeout: 10_000 }).toBe(true);
  return { cluster, changes, begun };
}
const update = (more: Partial<UpdateView> = {}): UpdateView => ({
  isHealthy: () => false,
  isDeployed: () => false,
  ...more,
});

test("a pod that dies again and again is told with its events and its log", async () => {
  // GIVEN a stack whose Prefect comes up in this update and crashes
  const contents: Contents = { [pods]: [pod("postgres-0", "postgres", 0)] };
  const { cluster, begun } = await clusterWith(contents, {
    "prefect-5d-x": "2026-01-01T00:00:01Z no database\n2026-01-01T00:00:02Z bye\n",
  });
  const watching = watchPods(cluster, "dev", update(), new AbortController().signal);
  await begun();
  // WHEN its pod has died twice
  contents[events] = [
    event("Pod", "prefect-5d-x", "Back-off restarting failed container", "2"),
    event("ReplicaSet", "prefect-5d", "slow down", "1"),
    event("Pod", "other-1", "not mine", "3"),
    event("Pod", "prefect-5d-x", "an earlier time", "-100"),
    event("ReplicaSet", "prefect-5d", "(combined from similar events): slow down", "1"),
  ];
  contents[pods]?.push(pod("prefect-5d-x", "prefect", 1));
  // THEN the failure says what people need
  const failure = await watching;
  expect(failure).toEqual({
    instance: "prefect-5d-x",
    workload: "prefect",
    exitCode: 3,
    reason: "its process ended with exit code 3, 2 times",
    events: [
      "ReplicaSet prefect-5d: BackOff: slow down (4 times)",
      "Pod prefect-5d-x: BackOff: Back-off restarting failed container (2 times)",
    ],
    log: "no database\nbye",
    more: "kubectl --context lab -n lab describe pod prefect-5d-x",
  });
  expect(failure && cannotStart(failure)).toMatchObject({
    code: "E_START",
    message: `prefect can't start: its process ended with exit code 3, 2 times.
What the cluster says:
    ReplicaSet prefect-5d: BackOff: slow down (4 times)
    Pod prefect-5d-x: BackOff: Back-off restarting failed container (2 times)
Its last lines:
    no database
    bye`,
    hint: "Fix the cause and run ./datalab up again. For details: kubectl --context lab -n lab describe pod prefect-5d-x",
  });
});

test("what crashed before may be what is repaired; once all is deployed it counts", async () => {
  let isDeployed = false;
  const crashing = pod("prefect-0", "prefect", 1);
  const { cluster, begun } = await clusterWith({ [pods]: [crashing] });
  const view = update({ isDeployed: () => isDeployed });
  const watching = watchPods(cluster, "dev", view, new AbortController().signal);
  await begun();
  Object.assign(crashing, pod("prefect-0", "prefect", 4));
  isDeployed = true;
  expect(await watching).toMatchObject({ reason: "its process ended with exit code 3, 3 times" });
});

test("a service that passes its checks lives, whatever its pods have been through", async () => {
  const ended = new AbortController();
  const contents: Contents = { [pods]: [] };
  const { cluster, begun } = await clusterWith(contents);
  const watching = watchPods(cluster, "dev", update({ isHealthy: () => true }), ended.signal);
  await begun();
  contents[pods]?.push(pod("prefect-0", "prefect", 5));
  await new Promise((resolve) => setTimeout(resolve, 2500));
  ended.abort();
  expect(await watching).toBeUndefined();
});

test("what the engine waited for in vain is explained", async () => {
  const { cluster } = await clusterWith(
    { [pods]: [pod("w-0", "w", 0)] },
    { "w-0": "2026-01-01T00:00:01Z loading\n" },
  );
  expect(await diagnose(cluster, "dev", "w")).toMatchObject({
    reason: "it was not ready in time",
    exitCode: null,
    log: "loading",
    events: [],
  });
});

test("one-shots that run are given no more time, and those that failed are replaced", async () => {
  const { cluster, changes } = await clusterWith({
    [jobs]: [job("register"), job("done", "Complete"), job("broken", "Failed")],
  });
  expect(await failedJobs(cluster, "dev")).toEqual([{ workload: "broken", type: "kubernetes:batch/v1:Job" }]);
  await endOneShots(cluster, "dev");
  expect(changes.map(({ path, body }) => [path, body])).toEqual([
    [`${jobs}/register`, { spec: { activeDeadlineSeconds: 1 } }],
  ]);
});
