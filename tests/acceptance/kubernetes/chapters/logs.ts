import { describe, expect, test } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { apply, kubectl } from "../support/cluster.ts";

/** What this chapter needs of a whole platform that is up on a cluster. */
export interface PlatformOnCluster {
  readonly stack: string;
  readonly namespace: string;
  /** The image `base` in the cluster's registry, by digest. */
  readonly baseImage: string;
  datalab(...args: readonly string[]): Promise<{ code: number | null; stdout: string; stderr: string }>;
}

interface LogLine {
  readonly at: string;
  readonly service: string;
  readonly workload: string;
  readonly stream: string;
  readonly level: string;
  readonly line: string;
}

/** The central logs of a stack on a cluster, read as people read them. */
export function centralLogsOnKubernetes(platform: () => PlatformOnCluster): void {
  const logs = async (...args: string[]): Promise<LogLine[]> => {
    const { code, stdout, stderr } = await platform().datalab("services", "logs", ...args, "--json");
    expect(code, stderr).toBe(0);
    return stdout
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  };
  const inNamespace = (...args: string[]) => kubectl("--namespace", platform().namespace, ...args);
  const numbered = (count: number) => Array.from({ length: count }, (_, i) => `line ${i + 1}`);

  /** Starts a pod of the stack that nobody has declared, as services do. */
  const guest = (workload: string, script: string) => {
    const { stack, namespace, baseImage } = platform();
    apply([
      {
        apiVersion: "v1",
        kind: "Pod",
        metadata: {
          name: workload,
          namespace,
          labels: {
            "datalab.stack": stack,
            "datalab.service": workload,
            "datalab.workload": workload,
            "datalab.role": "spawned",
          },
        },
        spec: {
          restartPolicy: "Never",
          terminationGracePeriodSeconds: 5,
          automountServiceAccountToken: false,
          securityContext: {
            ...{ runAsNonRoot: true, runAsUser: 10001, runAsGroup: 10001 },
            seccompProfile: { type: "RuntimeDefault" },
          },
          containers: [
            {
              name: "main",
              image: baseImage,
              args: ["bash", "-c", script],
              securityContext: {
                allowPrivilegeEscalation: false,
                readOnlyRootFilesystem: true,
                capabilities: { drop: ["ALL"] },
              },
              resources: {
                requests: { cpu: "10m", memory: "16Mi" },
                limits: { cpu: "1", memory: "64Mi" },
              },
            },
          ],
        },
      },
    ]);
  };

  describe("central logs on Kubernetes", () => {
    test("hold lines of every service that says something, in the order of time", async () => {
      const lines = await logs("--since", "1h");
      const services = new Set(lines.map(({ service }) => service));
      for (const name of ["postgres", "prefect", "core", "gateway", "agent", "logs"])
        expect(services).toContain(name);
      expect(lines.map(({ at }) => at)).toEqual(lines.map(({ at }) => at).sort());
    });

    test("hold each of 10,000 lines of a pod once, after it has been deleted", async () => {
      guest("guest", "for i in $(seq 1 10000); do echo line $i; done; echo 'ERROR: the last one'; sleep 5");
      await eventually(
        "its end",
        60,
        () => inNamespace("get", "pod", "guest", "--output", "jsonpath={.status.phase}") === "Succeeded",
      );
      inNamespace("delete", "pod", "guest");
      await eventually("all lines", 30, async () => (await logs("guest", "--since", "10m")).length >= 10_001);
      const lines = (await logs("guest", "--since", "10m")).map(({ line }) => line);
      expect(lines).toEqual([...numbered(10_000), "ERROR: the last one"]);
      expect((await logs("guest", "--level", "error")).map(({ line }) => line)).toEqual([
        "ERROR: the last one",
      ]);
    });

    test("lose and repeat nothing when the agent is replaced in the middle", async () => {
      guest(
        "through",
        "for i in $(seq 1 10000); do echo line $i; [ $((i % 500)) = 0 ] && sleep 1; done; sleep 60",
      );
      await eventually("its first lines", 60, async () => (await logs("through")).length > 0);
      inNamespace("rollout", "restart", "deployment/agent");
      inNamespace("rollout", "status", "deployment/agent", "--timeout", "90s");
      await eventually(
        "all lines",
        60,
        async () => (await logs("through", "--since", "10m")).length >= 10_000,
      );
      expect((await logs("through", "--since", "10m")).map(({ line }) => line)).toEqual(numbered(10_000));
      inNamespace("delete", "pod", "through");
    });

    test("hold what was written while the store was down", async () => {
      inNamespace("scale", "statefulset/logs", "--replicas", "0");
      inNamespace("wait", "--for=delete", "pod/logs-0", "--timeout", "60s");
      guest("meanwhile", "echo while it was down; sleep 600");
      await eventually(
        "the pod runs",
        60,
        () => inNamespace("get", "pod", "meanwhile", "--output", "jsonpath={.status.phase}") === "Running",
      );
      inNamespace("scale", "statefulset/logs", "--replicas", "1");
      await eventually("the line", 120, async () => (await logs("meanwhile")).length > 0);
      expect((await logs("meanwhile")).map(({ line }) => line)).toEqual(["while it was down"]);
      inNamespace("delete", "pod", "meanwhile", "--wait=false");
    });
  });
}
