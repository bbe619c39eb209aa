import { spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { kubectl, leftInCluster, objects } from "../../support/cluster.ts";
import { eventually } from "../../support/eventually.ts";
import type { Stage } from "../../support/stage.ts";

interface Named {
  readonly metadata: { readonly name: string };
}
const finalizer = "datalab.test/nobody";
const names = (kinds: string) => objects<Named>(kinds).map(({ metadata }) => metadata.name);

/** The process that lets go of whatever is removed; undefined where it is not on this machine. */
function controllerManager(): number | undefined {
  const found = spawnSync("pgrep", ["--full", "[h]yper kube-controller-manager"], { encoding: "utf8" });
  const [pid] = found.stdout.trim().split("\n");
  return pid ? Number(pid) : undefined;
}

function keepsClaims(stage: Stage): void {
  test("leaves claims that are kept, and nothing else", async () => {
    const ran = await stage.project.datalab("down", "--yes");
    expect(ran.code, ran.stderr).toBe(0);
    const left = names(
      "pods,deployments,statefulsets,jobs,services,secrets,ingresses,networkpolicies,horizontalpodautoscalers,roles,rolebindings",
    );
    expect(left).toEqual([]);
    expect(names("persistentvolumeclaims").sort()).toEqual(
      expect.arrayContaining(["data-object-store-0", "data-postgres-0"]),
    );
    for (const claim of names("persistentvolumeclaims")) expect(ran.stdout + ran.stderr).toContain(claim);
  });
}

function leavesNothing(stage: Stage): void {
  test("without data to keep, nothing is left of the stack", async () => {
    const ran = await stage.project.datalab("down", "--delete-data", "--yes");
    expect(ran.code, ran.stderr).toBe(0);
    expect(leftInCluster(stage.project.stack)).toEqual([]);
  });
}

/** The end of a stack that has shown everything else. */
export function kubernetesDown(stage: Stage): void {
  describe("down in a cluster", () => {
    keepsClaims(stage);
    leavesNothing(stage);
  });
}

export function kubernetesEnding(stage: Stage): void {
  describe("down in a cluster", () => {
    keepsClaims(stage);

    test("the next up adopts them, with all data", async () => {
      await stage.up();
      expect(await stage.count("bronze.kept")).toBeGreaterThan(0);
    });

    test("with controllers that do nothing ends too, and says what is not gone", async ({ skip }) => {
      const pid = controllerManager();
      if (pid === undefined) return skip("the cluster's controllers are not processes of this machine");
      process.kill(pid, "SIGSTOP");
      try {
        const ran = await stage.project.datalab("down", "--delete-data", "--yes", "--timeout", "20s");
        expect(ran.code, ran.stderr).toBe(1);
        expect(ran.stderr).toMatch(/not gone: Pod \S+.* after 20 s/);
        expect(ran.stderr).toContain("kube-controller-manager");
      } finally {
        process.kill(pid, "SIGCONT");
      }
    });

    leavesNothing(stage);

    test("in the middle of an up says what blocks, and leaves nothing either", async () => {
      const up = stage.project.start("up");
      await eventually("some pods are made", 240, () => {
        if (up.child.exitCode !== null) throw new Error(`up has ended:\n${up.output()}`);
        return names("pods").length >= 5;
      });
      process.kill(-up.pid, "SIGINT");
      const stopped = await up.ended;
      expect(stopped.code, stopped.stderr).toBe(130);
      // Whoever would take it away is dead: a controller that was removed before what it had made.
      const orphan = "configmap/orphan";
      kubectl("create", "configmap", "orphan");
      kubectl("label", orphan, `datalab.stack=${stage.project.stack}`);
      kubectl("patch", orphan, "--patch", JSON.stringify({ metadata: { finalizers: [finalizer] } }));
      const blocked = await stage.project.datalab("down", "--delete-data", "--yes", "--timeout", "40s");
      expect(blocked.code).toBe(1);
      expect(blocked.stderr).toContain(`not gone: ConfigMap orphan (held by ${finalizer})`);
      kubectl("patch", orphan, "--patch", JSON.stringify({ metadata: { finalizers: null } }));

      const ran = await stage.project.datalab("down", "--delete-data", "--yes");
      expect(ran.code, ran.stderr).toBe(0);
      expect(leftInCluster(stage.project.stack)).toEqual([]);
    }, 900_000);
  });
}
