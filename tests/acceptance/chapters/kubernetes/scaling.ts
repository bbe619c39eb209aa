import { spawn } from "node:child_process";
import { describe, expect, test } from "vitest";
import { countOf, namespace, testCluster } from "../../support/cluster.ts";
import { eventually } from "../../support/eventually.ts";

/** The worker of flow runs has a range: see `inCluster`. */
export function kubernetesScaling(): void {
  const replicas = () => countOf("deployment", "prefect-worker", ".spec.replicas");

  describe("a part with a range", () => {
    test("grows under load, and shrinks when it is over", async () => {
      await eventually("one worker is enough at first", 300, () => replicas() === 1);
      const busy = spawn(
        "kubectl",
        [
          ...[
            "--context",
            testCluster?.context ?? "",
            "--namespace",
            namespace,
            "exec",
            "deploy/prefect-worker",
            "--",
          ],
          ...["timeout", "45", "python", "-c", "while True: pass"],
        ],
        { stdio: "ignore" },
      );
      try {
        const grown = await eventually("more workers are started", 150, () => replicas() > 1);
        const shrunk = await eventually(
          "they are ready",
          120,
          () => countOf("deployment", "prefect-worker", ".status.readyReplicas") > 1,
        );
        console.log(`grows after ${grown.toFixed(0)} s, ready ${shrunk.toFixed(0)} s later`);
      } finally {
        busy.kill();
      }
      await eventually("all but one have gone", 400, () => replicas() === 1);
      expect(countOf("deployment", "prefect-worker", ".status.replicas")).toBeGreaterThan(0);
    });
  });
}
