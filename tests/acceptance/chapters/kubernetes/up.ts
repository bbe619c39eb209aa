import { describe, expect, test } from "vitest";
import { services } from "../../../../src/services/index.ts";
import { kubectl, objects, tryKubectl } from "../../support/cluster.ts";
import * as shapes from "../../support/shapes.ts";
import type { Stage } from "../../support/stage.ts";

interface Pod {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly labels: Record<string, string>;
    readonly deletionTimestamp?: string;
  };
  readonly status: { readonly phase: string };
}

const byDefault = services.filter((s) => s.enabledByDefault !== false).map((s) => s.name);

export function nothingToChange(stage: Stage): void {
  test("a second up changes nothing, and a refresh finds nothing to change", async () => {
    expect(Object.keys(shapes.upped.parse(await stage.project.json("up")).changes)).toEqual(["same"]);
    const { stack } = stage.project;
    const ran = await stage.project.shell(
      `pulumi preview --stack ${stack} --refresh --expect-no-changes --non-interactive`,
    );
    expect(ran.code, ran.stdout + ran.stderr).toBe(0);
  });
}

export function restricted(stage: Stage): void {
  test("the restricted standard is enforced, and a pod that asks for more is refused", () => {
    const { metadata } = JSON.parse(
      kubectl("get", "namespace", `datalab-${stage.project.stack}`, "-o", "json"),
    ) as {
      metadata: { labels: Record<string, string> };
    };
    expect(metadata.labels["pod-security.kubernetes.io/enforce"]).toBe("restricted");
    const refused = tryKubectl("run", "escape", "--image=nobody/knows", "--privileged", "--restart=Never");
    expect(refused.status).not.toBe(0);
    expect(refused.stderr).toMatch(/violates PodSecurity "restricted/);
  });
}

export function kubernetesUp(stage: Stage): void {
  describe("up in a cluster", () => {
    test("comes up from nothing, with every functional check passing", async () => {
      const ran = await stage.project.datalab("up");
      expect(ran.code, ran.stderr).toBe(0);
      console.log(ran.stdout);
      const status = shapes.status.parse(await stage.project.json("platform", "status"));
      expect(status.services.map((s) => s.name).sort()).toEqual([...byDefault].sort());
      expect(status.services.filter(({ state }) => state !== "healthy")).toEqual([]);
    });

    nothingToChange(stage);
    restricted(stage);

    test("an update of one service touches only that one", async () => {
      const pods = () =>
        new Map(
          objects<Pod>("pods")
            .filter(({ status }) => status.phase === "Running")
            // What services have started comes and goes; what ends has made way for the next.
            .filter(({ metadata }) => !metadata.labels["datalab.role"] && !metadata.deletionTimestamp)
            .map(({ metadata }) => [metadata.uid, metadata.labels["datalab.workload"] as string]),
        );
      const before = pods();
      stage.project.configure((platform) => {
        const { services: configured = {} } = platform as { services?: Record<string, object> };
        platform.services = {
          ...configured,
          dashboard: { resources: { main: { memory: "600Mi" } } },
        };
      });
      const { changes } = shapes.upped.parse(await stage.project.json("up"));
      expect(changes.update).toBeGreaterThan(0);
      const after = pods();
      const gone = [...before].filter(([uid]) => !after.has(uid)).map(([, workload]) => workload);
      expect([...new Set(gone)]).toEqual(["dashboard"]);
    });

    test("a pod that is killed comes back, and nothing that was acknowledged is lost", async () => {
      await stage.project.datalab("data", "ingest", stage.csv, "kept");
      const rows = await stage.count("bronze.kept");
      kubectl("delete", "pod", "object-store-0", "postgres-0", "--grace-period=0", "--force");
      kubectl("wait", "pod/object-store-0", "pod/postgres-0", "--for=condition=Ready", "--timeout=180s");
      // Two servers on one folder destroy it: the pod before may still run while its successor begins.
      expect(tryKubectl("exec", "postgres-0", "--", "flock", "--nonblock", "/data/lock", "true").status).toBe(
        1,
      );
      await healthy(stage);
      expect(await stage.count("bronze.kept")).toBe(rows);
    });
  });
}

/** Waits until every service says that it works. */
export async function healthy(stage: Stage, seconds = 240): Promise<void> {
  const until = Date.now() + seconds * 1000;
  for (;;) {
    const ran = await stage.project.datalab("platform", "status", "--json");
    const told = shapes.status.safeParse(JSON.parse(ran.stdout || "{}"));
    if (told.success && told.data.services.every(({ state }) => state === "healthy")) return;
    if (Date.now() > until) throw new Error(`not healthy after ${seconds} s:\n${ran.stdout}${ran.stderr}`);
    await new Promise((resolve) => setTimeout(resolve, 2000));
  }
}
