import { describe, expect, test } from "vitest";
import { curl } from "../../../src/model/curl.ts";
import { podSpec } from "../../../src/targets/kubernetes/pod.ts";
import { probes } from "../../../src/targets/kubernetes/probes.ts";
import { podArgs } from "./fixture.ts";

describe("a pod", () => {
  test("GIVEN a part that serves WHEN it is written THEN it fits the restricted standard, whole", () => {
    expect(podSpec(podArgs)).toEqual({
      serviceAccountName: "notes",
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      priorityClassName: "datalab-staging-service",
      terminationGracePeriodSeconds: 15,
      securityContext: {
        runAsNonRoot: true,
        runAsUser: 10001,
        runAsGroup: 10001,
        fsGroup: 10001,
        fsGroupChangePolicy: "OnRootMismatch",
        seccompProfile: { type: "RuntimeDefault" },
      },
      containers: [
        {
          name: "main",
          image: "registry.example.com/lab/core@sha256:1",
          imagePullPolicy: "IfNotPresent",
          args: ["serve", "--all"],
          env: [
            { name: "A", value: "1" },
            { name: "B", value: "2" },
          ],
          ports: [{ name: "api", containerPort: 9300, protocol: "TCP" }],
          resources: {
            requests: { cpu: "125m", memory: "512Mi", "ephemeral-storage": "64Mi" },
            limits: { cpu: "1", memory: "512Mi", "ephemeral-storage": "1Gi" },
          },
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            runAsNonRoot: true,
            runAsUser: 10001,
            runAsGroup: 10001,
            capabilities: { drop: ["ALL"] },
          },
          lifecycle: { preStop: { sleep: { seconds: 5 } } },
          volumeMounts: [
            { name: "tmp", mountPath: "/tmp" },
            { name: "files", mountPath: "/run/datalab", readOnly: true },
          ],
          terminationMessagePath: "/dev/termination-log",
          terminationMessagePolicy: "FallbackToLogsOnError",
        },
      ],
      volumes: [
        { name: "tmp", emptyDir: { medium: "Memory", sizeLimit: "64Mi" } },
        {
          name: "files",
          projected: {
            defaultMode: 0o440,
            sources: [{ secret: { name: "notes-files", items: [{ key: "env", path: "env" }] } }],
          },
        },
      ],
    });
  });

  test("GIVEN one that serves nobody and has no files WHEN it is written THEN it ends at once and mounts /tmp alone", () => {
    const { terminationGracePeriodSeconds, containers, volumes } = podSpec({
      ...podArgs,
      serves: false,
      ports: [],
      files: [],
    }) as unknown as {
      terminationGracePeriodSeconds: number;
      containers: Record<string, unknown>[];
      volumes: unknown[];
    };
    expect(terminationGracePeriodSeconds).toBe(10);
    expect(containers[0]).not.toHaveProperty("lifecycle");
    expect(containers[0]).not.toHaveProperty("ports");
    expect(containers[0]?.volumeMounts).toEqual([{ name: "tmp", mountPath: "/tmp" }]);
    expect(volumes).toEqual([{ name: "tmp", emptyDir: { medium: "Memory", sizeLimit: "64Mi" } }]);
  });

  test("GIVEN several of it WHEN it is written THEN they are spread over zones and nodes, as far as there are some", () => {
    const { topologySpreadConstraints } = podSpec({ ...podArgs, spread: { app: "notes" } });
    expect(topologySpreadConstraints).toEqual(
      ["topology.kubernetes.io/zone", "kubernetes.io/hostname"].map((topologyKey) => ({
        topologyKey,
        maxSkew: 1,
        whenUnsatisfiable: "ScheduleAnyway",
        labelSelector: { matchLabels: { app: "notes" } },
      })),
    );
  });

  test("GIVEN it speaks with the cluster WHEN it is written THEN it has its token, and the registry's secret", () => {
    const spec = podSpec({
      ...podArgs,
      apiToken: true,
      pullSecrets: ["registry"],
      fieldEnv: { POD: "metadata.name" },
    });
    expect(spec.automountServiceAccountToken).toBe(true);
    expect(spec.imagePullSecrets).toEqual([{ name: "registry" }]);
    expect((spec.containers as { env: unknown[] }[])[0]?.env.at(-1)).toEqual({
      name: "POD",
      valueFrom: { fieldRef: { apiVersion: "v1", fieldPath: "metadata.name" } },
    });
  });
});

describe("probes", () => {
  test("GIVEN an HTTP question WHEN it is asked THEN the node asks it, by the name that the server knows", () => {
    const probe = {
      command: curl("http://127.0.0.1:5000/health?deep=1"),
      everySeconds: 10,
      withinSeconds: 30,
    };
    const httpGet = {
      port: 5000,
      path: "/health?deep=1",
      scheme: "HTTP",
      httpHeaders: [{ name: "Host", value: "127.0.0.1:5000" }],
    };
    expect(probes(probe)).toEqual({
      startupProbe: { httpGet, periodSeconds: 3, timeoutSeconds: 5, failureThreshold: 110 },
      readinessProbe: { httpGet, periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 3 },
      livenessProbe: { httpGet, periodSeconds: 30, timeoutSeconds: 10, failureThreshold: 6 },
    });
  });

  test("GIVEN any other command WHEN it is asked THEN it runs inside the container", () => {
    const asked = probes({ command: ["pg_isready", "--quiet"], everySeconds: 5, withinSeconds: 60 });
    expect(asked.readinessProbe).toEqual({
      exec: { command: ["pg_isready", "--quiet"] },
      periodSeconds: 5,
      timeoutSeconds: 5,
      failureThreshold: 3,
    });
  });
});
