import { describe, expect, test } from "vitest";
import { containersOf, type Pod, type PodContainer } from "../../../src/agent/kubernetes/pod.ts";
import { quantity } from "../../../src/agent/kubernetes/quantity.ts";

type Status = NonNullable<NonNullable<Pod["status"]>["containerStatuses"]>[number];
const began = "2026-01-31T12:00:00Z";
const pod = (status: Partial<Status> | undefined, phase = "Running"): Pod => ({
  metadata: {
    name: "prefect-5d8f9-abcde",
    uid: "u1",
    resourceVersion: "7",
    labels: { "datalab.stack": "staging", "datalab.service": "prefect", "datalab.workload": "prefect" },
  },
  spec: {
    containers: [{ name: "main", readinessProbe: {}, resources: { limits: { memory: "512Mi" } } }],
  },
  status: {
    phase,
    ...(status && {
      containerStatuses: [{ name: "main", ready: false, restartCount: 0, ...status }],
    }),
  },
});
const of = (given: Pod, before?: PodContainer) => containersOf(given, () => before)[0] as PodContainer;
const running = { containerID: "containerd://a", ready: true, state: { running: { startedAt: began } } };

describe("a pod's container", () => {
  test("has the pod's name, and Docker's words for its state", () => {
    expect(of(pod(running))).toEqual({
      id: "u1/main",
      name: "prefect-5d8f9-abcde",
      pod: "prefect-5d8f9-abcde",
      inner: "main",
      service: "prefect",
      workload: "prefect",
      oneShot: false,
      state: "running",
      running: true,
      instance: "containerd://a",
      restarts: 0,
      startedAt: began,
      exitCode: 0,
      healthy: true,
      memoryLimit: 512 * 2 ** 20,
      killed: new Set(),
      oomKills: 0,
    });
  });

  test.each([
    ["nothing is known of it yet", pod(undefined, "Pending"), { state: "created", instance: "" }],
    [
      "its image is not there",
      pod({ state: { waiting: { reason: "ImagePullBackOff" } } }),
      { state: "created", instance: "" },
    ],
    [
      "it has ended",
      pod({ state: { terminated: { exitCode: 3, startedAt: began, containerID: "containerd://a" } } }),
      { state: "exited", running: false, exitCode: 3, startedAt: began, instance: "containerd://a" },
    ],
    [
      "it waits to be started again",
      pod({
        restartCount: 2,
        containerID: "containerd://b",
        state: { waiting: { reason: "CrashLoopBackOff" } },
        lastState: { terminated: { exitCode: 1, startedAt: began, containerID: "containerd://b" } },
      }),
      { state: "restarting", running: false, restarts: 2, exitCode: 1, instance: "containerd://b" },
    ],
    ["its pod was evicted", pod(undefined, "Failed"), { state: "dead", running: false, exitCode: 137 }],
    ["it is not ready", pod({ ...running, ready: false }), { healthy: false }],
  ])("is told when %s", (_, given, wanted) => {
    expect(of(given)).toMatchObject(wanted);
  });

  test("has no health without a probe, and no limit without one", () => {
    const plain = { ...pod(running), spec: { containers: [{ name: "main" }] } };
    expect(of(plain)).toMatchObject({ healthy: null, memoryLimit: 0 });
  });

  test("is counted once for each time that its memory ran out", () => {
    const killed = (containerID: string) => ({
      terminated: { exitCode: 137, reason: "OOMKilled", startedAt: began, containerID },
    });
    const first = of(pod({ state: killed("a") }));
    expect(first.oomKills).toBe(1);
    const again = of(pod({ ...running, restartCount: 1, lastState: killed("a") }), first);
    expect(again.oomKills).toBe(1);
    const second = of(pod({ state: killed("b"), restartCount: 1, lastState: killed("a") }), again);
    expect(second.oomKills).toBe(2);
    const after = of(pod({ ...running, restartCount: 2 }), second);
    expect(after.oomKills).toBe(2);
  });
});

describe("the containers of a pod", () => {
  test("beside its first are named below it", () => {
    const many: Pod = {
      ...pod(running),
      spec: {
        containers: [{ name: "main" }, { name: "sidecar" }],
        initContainers: [{ name: "prepare" }],
      },
      status: {
        containerStatuses: [{ name: "sidecar", restartCount: 4, ...running }],
        initContainerStatuses: [
          { name: "prepare", ready: true, restartCount: 0, state: { terminated: { exitCode: 0 } } },
        ],
      },
    };
    expect(
      containersOf(many, () => undefined).map(({ name, state, restarts }) => [name, state, restarts]),
    ).toEqual([
      ["prefect-5d8f9-abcde", "created", 0],
      ["prefect-5d8f9-abcde/sidecar", "running", 4],
      ["prefect-5d8f9-abcde/prepare", "exited", 0],
    ]);
  });

  test("are none when it is no workload's", () => {
    const stranger = { ...pod(running), metadata: { name: "x", uid: "u", resourceVersion: "1" } };
    expect(containersOf(stranger, () => undefined)).toEqual([]);
  });
});

test.each([
  ["512Mi", 512 * 2 ** 20],
  ["250m", 0.25],
  ["12345678n", 0.012345678],
  ["7u", 0.000007],
  ["1e3", 1000],
  ["1.5Gi", 1.5 * 2 ** 30],
  ["2k", 2000],
  ["129e6", 129_000_000],
  ["2", 2],
  ["", undefined],
  ["much", undefined],
  ["1Xi", undefined],
])("the quantity %s is %d", (text, wanted) => {
  if (wanted === undefined) expect(quantity(text)).toBeUndefined();
  else expect(quantity(text)).toBeCloseTo(wanted, 12);
});
