import { describe, expect, test } from "vitest";
import { ingressRouteOf } from "../../../../src/ops/services/ingress-route.ts";
import { Entrance, kubectl, objects } from "../../support/cluster.ts";
import { Hub } from "../../support/hub.ts";
import { psqlCommand } from "../../support/psql.ts";
import type { Stage } from "../../support/stage.ts";
import { healthy } from "./up.ts";

interface Named {
  readonly metadata: { readonly name: string };
}
const rows = "SELECT carrier, count(*) AS n FROM silver.flights GROUP BY carrier ORDER BY carrier";
const psql = (sql: string) => kubectl("exec", "postgres-0", "--", ...psqlCommand("prefect", sql)).trim();

/**
 * Everything that holds data, saved, brought back and moved in a cluster, without a tool but the command
 * line.
 */
export function kubernetesData(stage: Stage): void {
  describe("data in a cluster", () => {
    test("a backup brings back what was changed, removed and added since", async () => {
      const before = [await stage.tables(), await stage.query(rows), psql("SELECT count(*) FROM flow_run")];
      const made = await stage.project.json<{
        id: string;
        verified: string;
        homes: number;
        leaves: { what: string }[];
      }>("backup", "create");
      expect(made.verified).not.toBeNull();
      expect(made.leaves.map(({ what }) => what)).toEqual(expect.arrayContaining(["data-logs-0"]));
      expect(made.homes).toBe(1);
      expect(made.leaves.map(({ what }) => what)).not.toContain("home-admin");

      const file = stage.project.write("after.csv", "a,b\n1,2\n");
      await stage.project.json("data", "ingest", file, "after");
      await stage.project.json("data", "ingest", file, "flights");
      psql("UPDATE flow_run SET name = 'wrecked'");
      kubectl("delete", "persistentvolumeclaim", "home-admin", "--timeout=60s");
      expect(await stage.tables()).not.toEqual(before[0]);

      const restored = await stage.project.json<{ restored: boolean; objects: { removed: number } }>(
        ...["backup", "restore", made.id, "--no-save", "--yes"],
      );
      expect(restored.restored).toBe(true);
      expect(restored.objects.removed).toBeGreaterThan(0);
      expect([await stage.tables(), await stage.query(rows)]).toEqual(before.slice(0, 2));
      expect(psql("SELECT count(*) FROM flow_run WHERE name = 'wrecked'")).toBe("0");
      expect(Number(psql("SELECT count(*) FROM flow_run"))).toBeGreaterThanOrEqual(Number(before[2]));
      await healthy(stage);
      expect(objects<Named>("pods", "--selector", "datalab.role=backup")).toEqual([]);
      const entrance = await Entrance.of(stage);
      const hub = new Hub(entrance.url("jupyterhub", "web"), ingressRouteOf(entrance.platform));
      expect(await hub.login("admin", await stage.secret("jupyterhub/admin"))).toBe(302);
      await hub.spawn("admin", 180);
      const read = "import os; print(open('mine.txt').read(), [f for f in os.listdir() if 'datalab' in f])";
      expect(await hub.run("admin", [read], 60)).toEqual(["kept []\n"]);
      await hub.stop("admin");
      const ran = await stage.runMedallion();
      expect(ran.code, ran.stderr).toBe(0);
    });

    test("all objects move to the other engine, which serves them from a claim of its own", async () => {
      const before = [await stage.tables(), await stage.query(rows)];
      const args = ["data", "migrate-store", "--to", "versitygw"];
      const planned = await stage.project.json<{ moved: boolean; buckets: { objects: number }[] }>(
        ...args,
        "--dry-run",
      );
      expect(planned.moved).toBe(false);
      const moved = await stage.project.json<{
        moved: boolean;
        kept: { volume: string; remove: string };
        buckets: { objects: number; copied: number; equal: number }[];
      }>(...args, "--yes");
      expect(moved.moved).toBe(true);
      const copied = moved.buckets.reduce((all, bucket) => all + bucket.copied, 0);
      expect(copied).toBeGreaterThan(15);
      expect(moved.kept.volume).toBe("data-object-store-0");
      expect(moved.kept.remove).toMatch(/^kubectl .* exec statefulset\/object-store -- rm -rf \/data\//);
      expect(kubectl("get", "statefulset", "object-store", "-o", "yaml")).toContain("versitygw");
      expect([await stage.tables(), await stage.query(rows)]).toEqual(before);
      expect(objects<Named>("pods,secrets", "--selector", "datalab.role=migration")).toEqual([]);
      await healthy(stage);
      const again = await stage.project.datalab("up");
      expect(again.code, again.stderr).toBe(0);
      expect(again.stdout + again.stderr).not.toContain("created");
    });
  });
}
