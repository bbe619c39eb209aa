import { describe, expect, test } from "vitest";
import type { PlatformModel, WorkloadModel } from "../../../src/model/platform.ts";
import { rulesOf } from "../../../src/targets/kubernetes/access.ts";
import {
  limitRangeArgs,
  namespaceArgs,
  priorityClassArgs,
  quotaArgs,
} from "../../../src/targets/kubernetes/namespace.ts";
import { amounts } from "../../../src/targets/kubernetes/resources.ts";
import { notes } from "./fixture.ts";

const stackLabels = {
  "datalab.stack": "staging",
  "app.kubernetes.io/part-of": "datalab",
  "app.kubernetes.io/instance": "datalab-staging",
  "app.kubernetes.io/managed-by": "pulumi",
};
const spawn: WorkloadModel["spawns"][number] = {
  name: "notes-job",
  key: "job",
  summary: "jobs",
  image: "python",
  env: {},
  files: {},
  milliCpu: 500,
  memoryBytes: 2 ** 30,
  tmpBytes: 2 ** 26,
  kind: "Job",
  home: null,
  diskBytes: 2 ** 30,
  ownSecrets: false,
  ports: [],
  atMost: 3,
};
const modelOf = (...workloads: WorkloadModel[]) =>
  ({ stack: "staging", services: [{ workloads }] }) as unknown as PlatformModel;

test("GIVEN a stack WHEN its namespace is made THEN the restricted standard is enforced in it", () => {
  expect(namespaceArgs({ stack: "staging" }, "lab")).toEqual({
    metadata: {
      name: "lab",
      labels: {
        ...stackLabels,
        "pod-security.kubernetes.io/enforce": "restricted",
        "pod-security.kubernetes.io/enforce-version": "latest",
        "pod-security.kubernetes.io/audit": "restricted",
        "pod-security.kubernetes.io/audit-version": "latest",
        "pod-security.kubernetes.io/warn": "restricted",
        "pod-security.kubernetes.io/warn-version": "latest",
      },
    },
  });
});

test("GIVEN a full node WHEN pods must go THEN what was spawned goes before services, and these before data", () => {
  const values = (["data", "service", "batch"] as const).map((rank) => {
    const { metadata, value, preemptionPolicy } = priorityClassArgs({ stack: "staging" }, rank) as {
      metadata: { name: string };
      value: number;
      preemptionPolicy: string;
    };
    return [metadata.name, value, preemptionPolicy];
  });
  expect(values).toEqual([
    ["datalab-staging-data", 1000, "PreemptLowerPriority"],
    ["datalab-staging-service", 900, "PreemptLowerPriority"],
    ["datalab-staging-batch", 100, "Never"],
  ]);
});

describe("the quota", () => {
  const hard = (model: PlatformModel, overcommit = 1) =>
    (quotaArgs(model, "lab", overcommit) as { spec: { hard: Record<string, string> } }).spec.hard;

  test("GIVEN a part without data WHEN it is updated THEN there is room for one pod more", () => {
    expect(hard(modelOf(notes))).toEqual({
      pods: "2",
      "requests.cpu": "500m",
      "requests.memory": "1Gi",
      "limits.cpu": "2",
      "limits.memory": "1Gi",
      persistentvolumeclaims: "0",
      "services.nodeports": "0",
      "services.loadbalancers": "0",
    });
  });

  test("GIVEN a range and what is spawned WHEN all of it runs THEN there is room for it", () => {
    const max = hard(modelOf({ ...notes, scale: { min: 1, max: 4, cpuPercent: 75 }, spawns: [spawn] }), 5);
    // Five of 250m and three of 500m, each promised five times; 5 x 512Mi and 3 x 1Gi.
    expect([max.pods, max["requests.cpu"], max["requests.memory"]]).toEqual(["8", "550m", "5632Mi"]);
    expect(max["limits.cpu"]).toBe("11");
  });

  test("GIVEN data WHEN it moves to another engine THEN there is room for one more pod and claim", () => {
    const data = { name: "data", path: "/data", sizeBytes: 2 ** 30, policy: "retain" as const };
    const { pods, persistentvolumeclaims } = hard(modelOf({ ...notes, volumes: [data] }));
    expect([pods, persistentvolumeclaims]).toEqual(["2", "2"]);
  });
});

test("GIVEN a container that does not say its size WHEN it is started THEN it gets a small one", () => {
  expect(limitRangeArgs("staging", "lab")).toEqual({
    metadata: { name: "stack", namespace: "lab", labels: stackLabels },
    spec: {
      limits: [
        {
          type: "Container",
          default: { cpu: "1", memory: "256Mi", "ephemeral-storage": "1Gi" },
          defaultRequest: { cpu: "50m", memory: "256Mi", "ephemeral-storage": "64Mi" },
        },
      ],
    },
  });
});

test("GIVEN a share of a core WHEN it is promised several times THEN the limit stays and the request shrinks", () => {
  expect(amounts({ milliCpu: 500, memoryBytes: 768 * 2 ** 20 }, 4)).toEqual({
    requests: { cpu: "125m", memory: "768Mi", "ephemeral-storage": "64Mi" },
    limits: { cpu: "2", memory: "768Mi", "ephemeral-storage": "1Gi" },
  });
  expect(amounts({ milliCpu: 25, memoryBytes: 2 ** 30 }, 20).requests.cpu).toBe("10m");
});

describe("what a workload may do in its namespace", () => {
  const verbs = (change: Partial<WorkloadModel>) =>
    rulesOf({ ...notes, ...change }).map(({ resources, verbs }) => `${resources}: ${verbs}`);

  test("GIVEN a part that minds its own business WHEN it asks THEN it may do nothing", () => {
    expect(verbs({})).toEqual([]);
  });

  test("GIVEN one that sees containers WHEN it asks THEN it reads pods, logs, events and figures", () => {
    expect(verbs({ host: ["containers"] })).toEqual([
      "pods: get,list,watch",
      "pods/log: get",
      "events: get,list,watch",
      "events: get,list,watch",
      "pods: get,list",
    ]);
  });

  test("GIVEN one that spawns Jobs WHEN it asks THEN it manages Jobs, and secrets are none of its business", () => {
    const all = verbs({ spawns: [spawn] });
    expect(all).toContain("jobs: get,list,watch,create,delete,deletecollection,patch,update");
    expect(all.join()).not.toMatch(/secrets|roles|exec|persistentvolumeclaims/);
  });
});
