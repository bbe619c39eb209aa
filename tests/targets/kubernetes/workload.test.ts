import { describe, expect, test } from "vitest";
import type { WorkloadModel } from "../../../src/model/platform.ts";
import {
  autoscaler,
  deployment,
  disruptionBudget,
  everyService,
  job,
  service,
  statefulSet,
  type WorkloadArgs,
} from "../../../src/targets/kubernetes/workload.ts";
import { metadata, notes, selector, workloadArgs } from "./fixture.ts";

const given = (change: Partial<WorkloadModel>, more: Partial<WorkloadArgs> = {}): WorkloadArgs => ({
  ...workloadArgs,
  ...more,
  workload: { ...notes, ...change },
});

const template = {
  metadata: {
    labels: { ...metadata.labels, "datalab.release": "0123456789abcdef" },
    annotations: {
      "kubectl.kubernetes.io/default-container": "main",
      "datalab.files": "fedcba9876543210",
    },
  },
  spec: { containers: [] },
};

describe("a Deployment", () => {
  test("GIVEN a part that there may be several of WHEN it changes THEN a new pod is ready before an old one goes", () => {
    expect(deployment(workloadArgs)).toEqual({
      metadata,
      spec: {
        replicas: 1,
        revisionHistoryLimit: 3,
        progressDeadlineSeconds: 600,
        selector: { matchLabels: selector },
        strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
        template,
      },
    });
  });

  test("GIVEN a part that there may be only one of WHEN it changes THEN the old one goes first", () => {
    const { spec } = deployment(given({ updateOrder: "stop-first" })) as { spec: { strategy: unknown } };
    expect(spec.strategy).toEqual({ type: "Recreate" });
  });

  test("GIVEN a range WHEN it is written THEN the count is the autoscaler's business", () => {
    const { spec } = deployment(given({ scale: { min: 2, max: 4, cpuPercent: 60 } })) as { spec: object };
    expect(spec).not.toHaveProperty("replicas");
  });
});

describe("a StatefulSet", () => {
  const volumes: WorkloadModel["volumes"] = [
    { name: "data", path: "/data", sizeBytes: 20 * 2 ** 30, policy: "retain" },
  ];

  test("GIVEN a part with data that is kept WHEN it goes THEN its claims stay", () => {
    expect(statefulSet(given({ volumes }, { storageClass: "gp3" }))).toEqual({
      metadata,
      spec: {
        replicas: 1,
        serviceName: "notes",
        revisionHistoryLimit: 3,
        podManagementPolicy: "Parallel",
        persistentVolumeClaimRetentionPolicy: { whenDeleted: "Retain", whenScaled: "Retain" },
        selector: { matchLabels: selector },
        updateStrategy: { type: "RollingUpdate" },
        template,
        volumeClaimTemplates: [
          {
            metadata: {
              name: "data",
              labels: { ...selector, "datalab.service": "notes", "datalab.role": "data" },
            },
            spec: {
              accessModes: ["ReadWriteOnce"],
              volumeMode: "Filesystem",
              storageClassName: "gp3",
              resources: { requests: { storage: "20Gi" } },
            },
          },
        ],
      },
    });
  });

  test("GIVEN data that nobody wants kept WHEN it goes THEN its claims go along", () => {
    const { spec } = statefulSet(
      given({ volumes: volumes.map((v) => ({ ...v, policy: "delete" as const })) }),
    ) as {
      spec: { persistentVolumeClaimRetentionPolicy: unknown };
    };
    expect(spec.persistentVolumeClaimRetentionPolicy).toEqual({
      whenDeleted: "Delete",
      whenScaled: "Retain",
    });
  });
});

test("GIVEN a one-shot WHEN it is written THEN it is a Job whose pods are told apart by it", () => {
  expect(job(given({ oneShot: true }))).toEqual({
    metadata: { ...metadata, annotations: { "pulumi.com/replaceUnready": "true" } },
    spec: {
      backoffLimit: 2,
      activeDeadlineSeconds: 900,
      completions: 1,
      parallelism: 1,
      template: {
        metadata: {
          ...template.metadata,
          labels: { ...template.metadata.labels, "datalab.oneshot": "true" },
        },
        spec: { containers: [], restartPolicy: "Never" },
      },
    },
  });
});

describe("a Service", () => {
  const skipAwait = { "pulumi.com/skipAwait": "true" };
  const endpoint = notes.endpoints[0] as WorkloadModel["endpoints"][number];

  test("GIVEN endpoints that share a port WHEN it is written THEN the port stands once", () => {
    const args = given({ endpoints: [endpoint, { ...endpoint, name: "alerts" }] });
    expect(service(args)).toEqual({
      metadata: { ...metadata, annotations: skipAwait },
      spec: {
        type: "ClusterIP",
        selector,
        ports: [{ name: "api", port: 9300, targetPort: 9300, protocol: "TCP" }],
      },
    });
    expect(everyService(args)).toBeNull();
  });

  test("GIVEN a gateway WHEN it is written THEN it is reached at the numbers that pages are published at", () => {
    const { spec } = service(given({ ports: [{ internal: 8501, external: 8501 }] })) as {
      spec: { ports: unknown[] };
    };
    expect(spec.ports[1]).toEqual({ name: "port-8501", port: 8501, targetPort: 8501, protocol: "TCP" });
  });

  test("GIVEN nothing that it serves WHEN it is written THEN there is none", () => {
    expect(service(given({ endpoints: [] }))).toBeNull();
  });

  test("GIVEN several of it WHEN each is to be read THEN another name has an address per pod", () => {
    const every = everyService(given({ replicas: 2 })) as {
      metadata: { name: string };
      spec: { clusterIP: string };
    };
    expect([every.metadata.name, every.spec.clusterIP]).toEqual(["notes-every", "None"]);
  });
});

test("GIVEN a drain of a node WHEN pods must go THEN they go one at a time", () => {
  expect(disruptionBudget(workloadArgs)).toEqual({
    metadata,
    spec: { maxUnavailable: 1, selector: { matchLabels: selector } },
  });
});

describe("a HorizontalPodAutoscaler", () => {
  test("GIVEN a range WHEN it is written THEN it moves the count by the use of the CPU", () => {
    expect(autoscaler(given({ scale: { min: 2, max: 4, cpuPercent: 60 } }))).toEqual({
      metadata: { ...metadata, annotations: { "pulumi.com/skipAwait": "true" } },
      spec: {
        scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "notes" },
        minReplicas: 2,
        maxReplicas: 4,
        metrics: [
          {
            type: "Resource",
            resource: { name: "cpu", target: { type: "AverageValue", averageValue: "150m" } },
          },
        ],
        behavior: {
          scaleDown: {
            stabilizationWindowSeconds: 60,
            policies: [{ type: "Pods", value: 1, periodSeconds: 30 }],
          },
        },
      },
    });
  });

  test("GIVEN a fixed count WHEN it is written THEN there is none", () => {
    expect(autoscaler(workloadArgs)).toBeNull();
  });
});
