import { describe, expect, test } from "vitest";
import { exitOf } from "../../../src/ops/kubernetes/exec.ts";
import { parseLine, sinceOf } from "../../../src/ops/kubernetes/logs.ts";
import type { ContainerStatus, Pod, Scaled } from "../../../src/ops/kubernetes/objects.ts";
import { failuresOf, jobVerdict, podVerdict } from "../../../src/ops/kubernetes/pod-failure.ts";
import { jobState, podState, scaledState } from "../../../src/ops/kubernetes/state.ts";

const container = (more: Partial<ContainerStatus> = {}): ContainerStatus => ({
  name: "main",
  restartCount: 0,
  ...more,
});
const waiting = (reason: string, message?: string) => ({ waiting: { reason, ...(message && { message }) } });
const pod = (phase: string, containers: ContainerStatus[] = [], more: Partial<Pod["status"]> = {}): Pod => ({
  metadata: { name: "p" },
  status: { phase, containerStatuses: containers, ...more },
});
const ready = (is: boolean) => [{ type: "Ready", status: is ? "True" : "False" }];
const running = pod("Running", [container({ state: { running: {} } })], { conditions: ready(true) });
const crashing = pod("Running", [
  container({
    restartCount: 3,
    state: waiting("CrashLoopBackOff", "back-off 40s"),
    lastState: { terminated: { exitCode: 1, reason: "Error" } },
  }),
]);
const unplaced = pod("Pending", [], {
  conditions: [
    {
      type: "PodScheduled",
      status: "False",
      reason: "Unschedulable",
      message: "0/1 nodes are available: 1 Insufficient cpu.",
    },
  ],
});
const pulling = pod("Pending", [
  {
    ...container({ state: waiting("ImagePullBackOff", 'Back-off pulling image "r/x@sha256:1"') }),
    image: "r/x@sha256:1",
  } as ContainerStatus,
]);

describe("a pod in words", () => {
  test.each<[string, Pod, boolean, string]>([
    ["ready", running, true, "running"],
    [
      "not ready",
      pod("Running", [container({ state: { running: {} } })], { conditions: ready(false) }),
      false,
      "running (not ready)",
    ],
    ["done", pod("Succeeded"), true, "completed"],
    ["crashing", crashing, false, "CrashLoopBackOff (exited with 1, 3 restarts)"],
    [
      "out of memory",
      pod("Running", [
        container({
          restartCount: 1,
          state: waiting("CrashLoopBackOff"),
          lastState: { terminated: { exitCode: 137, reason: "OOMKilled" } },
        }),
      ]),
      false,
      "CrashLoopBackOff (out of memory, 1 restart)",
    ],
    ["no image", pulling, false, 'pending (ImagePullBackOff: Back-off pulling image "r/x@sha256:1")'],
    ["no node", unplaced, false, "pending (0/1 nodes are available: 1 Insufficient cpu)"],
    [
      "being made",
      pod("Pending", [container({ state: waiting("ContainerCreating") })]),
      false,
      "pending (its container is being created)",
    ],
    [
      "waiting for others",
      pod("Pending", [container({ state: waiting("PodInitializing") })]),
      false,
      "pending (waits for its dependencies)",
    ],
    [
      "failed",
      pod("Failed", [container({ state: { terminated: { exitCode: 2 } } })]),
      false,
      "exited with 2",
    ],
    ["evicted", pod("Failed", [], { reason: "Evicted" }), false, "failed (Evicted)"],
    [
      "ending",
      { ...running, metadata: { name: "p", deletionTimestamp: "2026-01-01T00:00:00Z" } },
      false,
      "ends",
    ],
    ["lost", pod("Unknown"), false, "unknown"],
  ])("%s", (_what, given, ok, words) => {
    expect(podState(given)).toEqual({ ok, words });
  });
});

describe("a workload in words", () => {
  const scaled = (replicas: number): Scaled => ({ metadata: { name: "w" }, spec: { replicas } });
  test("scaled to zero it is stopped, once its last pod has ended", () => {
    expect(scaledState(scaled(0), [])).toEqual({ ok: false, stopped: true, words: "stopped" });
    expect(scaledState(scaled(0), [running])).toEqual({ ok: false, stopped: false, words: "ends" });
  });
  test("it runs while one of its pods answers, and says what the others do", () => {
    expect(scaledState(scaled(1), [running])).toEqual({ ok: true, stopped: false, words: "running" });
    expect(scaledState(scaled(2), [running, running])).toEqual({
      ok: true,
      stopped: false,
      words: "2 running",
    });
    expect(scaledState(scaled(2), [running, unplaced])).toEqual({
      ok: true,
      stopped: false,
      words: "running of 2; one more: pending (0/1 nodes are available: 1 Insufficient cpu)",
    });
    expect(scaledState(scaled(1), [crashing])).toEqual({
      ok: false,
      stopped: false,
      words: "CrashLoopBackOff (exited with 1, 3 restarts)",
    });
  });
  test("without pods the cluster may say why it makes none", () => {
    const message = 'pods "w-1" is forbidden: violates PodSecurity "restricted:latest"';
    const status = { conditions: [{ type: "ReplicaFailure", status: "True", message }] };
    expect(scaledState({ ...scaled(1), status }, [])).toEqual({
      ok: false,
      stopped: false,
      words: `pending (${message})`,
    });
  });
  test("a one-shot is well until it has failed", () => {
    const job = (type?: string) => ({
      metadata: { name: "j" },
      status: { ...(type && { conditions: [{ type, status: "True", reason: "BackoffLimitExceeded" }] }) },
    });
    expect(jobState(job("Complete"), [])).toEqual({ ok: true, words: "completed" });
    expect(jobState(job(), [running])).toEqual({ ok: true, words: "running" });
    expect(jobState(job(), [])).toEqual({ ok: true, words: "pending" });
    const failed = pod("Failed", [container({ state: { terminated: { exitCode: 3 } } })]);
    expect(jobState(job("Failed"), [failed])).toEqual({ ok: false, words: "exited with 3" });
    expect(jobState(job("Failed"), [])).toEqual({ ok: false, words: "failed (BackoffLimitExceeded)" });
  });
});

describe("whether it can still come to run", () => {
  test("a second death is one too many, those before the update do not count", () => {
    expect([failuresOf(running), failuresOf(crashing)]).toEqual([0, 4]);
    expect(podVerdict(crashing)).toEqual({
      kind: "died",
      reason: "its process ended with exit code 1, 4 times",
      exitCode: 1,
      afterMs: 0,
    });
    expect(podVerdict(crashing, 3)).toBeUndefined();
    expect(podVerdict(running)).toBeUndefined();
  });
  test("what it needs may still come, for a while", () => {
    expect(podVerdict(pulling)).toEqual({
      kind: "image",
      reason: `its image r/x@sha256:1 can't be pulled (ImagePullBackOff: Back-off pulling image "r/x@sha256:1")`,
      exitCode: null,
      afterMs: 20_000,
    });
    expect(podVerdict(unplaced)).toEqual({
      kind: "node",
      reason: "no node accepts its pod (0/1 nodes are available: 1 Insufficient cpu.)",
      exitCode: null,
      afterMs: 150_000,
    });
    expect(
      podVerdict(
        pod("Pending", [container({ state: waiting("CreateContainerConfigError", "no secret x") })]),
      ),
    ).toEqual({
      kind: "container",
      reason: "its container can't be created (CreateContainerConfigError: no secret x)",
      exitCode: null,
      afterMs: 20_000,
    });
  });
  test("a Job that has used up its tries is told with its exit code", () => {
    const failed = { type: "Failed", status: "True", message: "Job has reached the specified backoff limit" };
    const job = { metadata: { name: "j" }, status: { conditions: [failed] } };
    expect(jobVerdict(job, [pod("Failed", [container({ state: { terminated: { exitCode: 3 } } })])])).toEqual(
      {
        kind: "died",
        reason: "its process ended with exit code 3; Job has reached the specified backoff limit",
        exitCode: 3,
        afterMs: 0,
      },
    );
    expect(jobVerdict({ metadata: { name: "j" } }, [])).toBeUndefined();
  });
});

describe("lines and exit codes", () => {
  test("times are in UTC with nine digits, whatever the node's zone", () => {
    expect(parseLine("2026-01-31T12:00:00.123456789Z hello  world")).toEqual({
      at: "2026-01-31T12:00:00.123456789Z",
      stream: "stdout",
      line: "hello  world",
    });
    expect(parseLine("2026-01-31T14:00:00.5+02:00 ")?.at).toBe("2026-01-31T12:00:00.500000000Z");
    expect(parseLine("2026-01-31T12:00:00Z")).toMatchObject({
      at: "2026-01-31T12:00:00.000000000Z",
      line: "",
    });
    expect(parseLine("unable to retrieve container logs")).toBeUndefined();
  });
  test("a beginning is a duration or a time", () => {
    const now = Date.parse("2026-01-31T12:00:00Z");
    expect(sinceOf("1h30m", now)).toBe("2026-01-31T10:30:00.000000000Z");
    expect(sinceOf("2026-01-31T12:00:00.123456789Z", now)).toBe("2026-01-31T12:00:00.123456789Z");
    expect(sinceOf("2026-01-31", now)).toBe("2026-01-31T00:00:00.000000000Z");
    expect(sinceOf(undefined)).toBeUndefined();
  });
  test("a command's end is its exit code, or why it did not begin", () => {
    expect(exitOf({ status: "Success" })).toEqual({ code: 0, words: "" });
    expect(
      exitOf({ status: "Failure", details: { causes: [{ reason: "ExitCode", message: "7" }] } }),
    ).toEqual({
      code: 7,
      words: "",
    });
    expect(exitOf({ status: "Failure", message: "no such file" })).toEqual({
      code: 126,
      words: "no such file",
    });
  });
});
