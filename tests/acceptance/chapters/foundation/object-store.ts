import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { s3 } from "../../support/object-store.ts";
import type { Tables } from "../../support/shapes.ts";
import type { Stage } from "../../support/stage.ts";
import { inventory, putObjects, type StoredObject } from "../../support/store-objects.ts";

const engineOf = { from: "minio", to: "versitygw" } as const;
const rows = "SELECT carrier, count(*) AS n FROM silver.flights GROUP BY carrier ORDER BY carrier";

/** The same lake on both object store engines, moved there and back. */
export function objectStoreEngines(stage: Stage): void {
  describe("the objects of a stack, moved to another engine", () => {
    let before: StoredObject[] = [];
    let tables: Tables = [];
    let answer: unknown;

    const objects = async () => {
      const client = s3("admin", await stage.secret("object-store/admin"));
      try {
        // What the functional check writes and deletes all the time is nobody's object.
        return (await inventory(client)).filter(({ bucket }) => bucket !== "health");
      } finally {
        client.destroy();
      }
    };
    const migrate = (to: string) =>
      stage.project.json<{ moved: boolean; buckets: { equal: number; copied: number }[] }>(
        "data",
        "migrate-store",
        "--to",
        to,
        "--yes",
      );

    beforeAll(async () => {
      const client = s3("admin", await stage.secret("object-store/admin"));
      await putObjects(client, "backups", 100);
      client.destroy();
      before = await objects();
      tables = await stage.tables();
      answer = await stage.query(rows);
    });

    test("a configuration that only names the other engine is refused, and nothing is touched", async () => {
      const set = (engine: string) =>
        stage.project.configure((platform) => {
          platform.services = {
            ...(platform.services as object),
            "object-store": { options: { engine } },
          };
        });
      set(engineOf.to);
      const ran = await stage.project.datalab("up");
      expect(ran.code).toBe(2);
      expect(ran.stderr).toContain(`data migrate-store --to ${engineOf.to}`);
      set(engineOf.from);
      expect(await objects()).toEqual(before);
    });

    test("a dry run counts them and touches nothing", async () => {
      const planned = await stage.project.json<{ moved: boolean; buckets: { objects: number }[] }>(
        ...["data", "migrate-store", "--to", engineOf.to, "--dry-run"],
      );
      expect(planned.moved).toBe(false);
      const counted = planned.buckets.reduce((all, { objects: n }) => all + n, 0);
      expect(counted).toBeGreaterThanOrEqual(before.length);
    });

    test("a migration that is killed half way is finished by the next, which copies only the rest", async () => {
      const args = ["data", "migrate-store", "--to", engineOf.to, "--yes"];
      const started = stage.project.start(...args);
      while (!/objects: [2-9]\d of/.test(started.output())) {
        expect(started.child.exitCode, started.output()).toBeNull();
        await sleep(50);
      }
      process.kill(-started.pid, "SIGKILL");
      await started.ended;

      const { moved, buckets } = await migrate(engineOf.to);
      expect(moved).toBe(true);
      expect(buckets.reduce((all, { equal }) => all + equal, 0)).toBeGreaterThan(10);
      expect(await objects()).toEqual(before);
      const file = readFileSync(stage.project.path(`Pulumi.${stage.project.stack}.yaml`), "utf8");
      expect(file).toContain(`engine: ${engineOf.to}`);
    });

    test("the lake is the same on the other engine, and pipelines write to it", async () => {
      expect(await stage.tables()).toEqual(tables);
      expect(await stage.query(rows)).toEqual(answer);
      const ran = await stage.runMedallion();
      expect(ran.code, ran.stderr).toBe(0);
    });

    test("a second up changes nothing", async () => {
      const preview = "pulumi preview --refresh --expect-no-changes";
      const ran = await stage.project.shell(`${preview} --stack ${stage.project.stack}`);
      expect(ran.code, ran.stdout + ran.stderr).toBe(0);
    });

    test("and back: every object is the one that it was", async () => {
      const there = await objects();
      expect((await migrate(engineOf.from)).moved).toBe(true);
      expect(await objects()).toEqual(there);
      expect(await stage.query(rows)).toEqual(answer);
    });
  });
}
