import { existsSync, globSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { DeleteObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { labelled } from "../support/leftovers.ts";
import { s3 } from "../support/object-store.ts";
import { psqlCommand } from "../support/psql.ts";
import type { Tables } from "../support/shapes.ts";
import * as shapes from "../support/shapes.ts";
import { ports, type Stage } from "../support/stage.ts";
import { inventory, putObjects, type StoredObject } from "../support/store-objects.ts";

const backup = z.strictObject({
  id: z.string().regex(/^\d{8}-\d{6}-[0-9a-f]{4}$/),
  stack: z.string(),
  at: z.iso.datetime(),
  place: z.string(),
  release: z.string(),
  verified: z.iso.datetime().nullable(),
  databases: z.int(),
  homes: z.int(),
  objects: z.int(),
  bytes: z.int(),
  leaves: z.array(z.strictObject({ what: z.string(), why: z.string() })),
  repaired: z.array(z.strictObject({ blob: z.string(), why: z.string() })),
});
const rows = "SELECT carrier, count(*) AS n FROM silver.flights GROUP BY carrier ORDER BY carrier";
const drillPorts = "15500";

/** Everything saved, wrecked, and brought back: on the stack itself and in one that is made for it. */
export function backups(stage: Stage): void {
  describe("backups", () => {
    let first: z.infer<typeof backup>;
    let before: StoredObject[] = [];
    let tables: Tables = [];
    let answer: unknown;
    let runs = "";

    const withStore = async <T>(work: (client: ReturnType<typeof s3>) => Promise<T>): Promise<T> => {
      const client = s3("admin", await stage.secret("object-store/admin"));
      try {
        return await work(client);
      } finally {
        client.destroy();
      }
    };
    // What the functional check writes and deletes all the time is nobody's object.
    const objects = () =>
      withStore(async (client) => (await inventory(client)).filter(({ bucket }) => bucket !== "health"));
    const psql = (database: string, sql: string) =>
      stage.project.docker("exec", stage.container("postgres"), ...psqlCommand(database, sql)).trim();
    const flowRuns = () =>
      psql(
        "prefect",
        "SELECT count(*), min(created), max(id::text) FROM flow_run WHERE created < '2100-01-01'",
      );
    const files = () => globSync(".datalab/backups/acc1/blobs/*/*", { cwd: stage.project.root });
    const isLikeBefore = async () => {
      expect(await objects()).toEqual(before);
      expect(await stage.tables()).toEqual(tables);
      expect(await stage.query(rows)).toEqual(answer);
      expect(psql("prefect", "SELECT count(*) FROM flow_run WHERE name = 'wrecked'")).toBe("0");
      expect(
        psql("prefect", "SELECT count(*) FROM flow WHERE name = 'medallion-etl' OR name = 'medallion_etl'"),
      ).toBe("1");
      const { services } = shapes.status.parse(await stage.project.json("platform", "status"));
      expect(services.filter(({ state }) => state !== "healthy")).toEqual([]);
    };
    /** Takes away a table, an object, every flow run's name, and adds what was not there. */
    const wreck = async () => {
      await withStore(async (client) => {
        for (const { bucket, key } of before.filter((o) => o.bucket === "silver" || o.key === "rich"))
          await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }));
        await client.send(new PutObjectCommand({ Bucket: "gold", Key: "stray", Body: "not in the backup" }));
        await client.send(new PutObjectCommand({ Bucket: "backups", Key: "empty", Body: "no longer" }));
      });
      psql("prefect", "UPDATE flow_run SET name = 'wrecked'");
      expect(await objects()).not.toEqual(before);
    };

    beforeAll(async () => {
      await withStore((client) => putObjects(client, "backups", 20));
      before = await objects();
      tables = await stage.tables();
      answer = await stage.query(rows);
      runs = flowRuns();
    });

    test("one holds every database and object, and was read back when it is reported", async () => {
      first = backup.parse(await stage.project.json("backup", "create"));
      expect(first).toMatchObject({
        stack: "acc1",
        leaves: [],
        place: stage.project.path(".datalab/backups"),
      });
      expect(first.verified).not.toBeNull();
      expect(first.databases).toBe(
        Number(
          psql(
            "postgres",
            "SELECT count(*) FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres'",
          ),
        ),
      );
      expect(first.objects).toBeGreaterThanOrEqual(before.length);
      expect(first.bytes).toBeGreaterThan(40 * 2 ** 20);
      const listed = z.array(backup).parse(await stage.project.json("backup", "list"));
      expect(listed).toEqual([{ ...first, verified: listed[0]?.verified }]);
    });

    test("nothing of it can be read by who has only its files, and nobody else may open them", async () => {
      const secrets = [await stage.secret("postgres/admin"), await stage.secret("prefect/admin")];
      for (const path of globSync(".datalab/backups/**/*", { cwd: stage.project.root })) {
        const file = stage.project.path(path);
        if (!statSync(file).isFile()) continue;
        const content = readFileSync(file);
        for (const text of [...secrets, "PGDMP", "flow_run", "PAR1", "all of it", "datalab:platform"])
          expect(content.includes(text), `${path} shows ${text}`).toBe(false);
        expect(statSync(file).mode & 0o077).toBe(0);
      }
    });

    test("the next one reads only what is new", async () => {
      const had = files().length;
      const ran = await stage.project.datalab("backup", "create");
      expect(ran.code, ran.stderr).toBe(0);
      const read = Number(/(\d+) of them new or changed/.exec(ran.stderr)?.[1]);
      expect(read).toBeLessThan(10);
      expect(files().length - had).toBeLessThan(10 + first.databases);
    });

    test("what is damaged is found, and nothing is touched by a restore of it", async () => {
      const file = stage.project.path(files().sort((a, b) => size(b) - size(a))[0] as string);
      const bytes = readFileSync(file);
      bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1;
      writeFileSync(file, bytes);
      const checked = await stage.project.datalab("backup", "verify", "--json");
      expect(checked.code).toBe(1);
      expect(checked.stdout).toContain("it was changed, or encrypted with another key");
      const ran = await stage.project.datalab("backup", "restore", first.id, "--yes");
      expect(ran.code).toBe(1);
      expect(ran.stderr).toContain("it was changed, or encrypted with another key");
      await isLikeBefore();
      // The object itself is well: the next backup mends those that have it.
      const { repaired } = backup.parse(await stage.project.json("backup", "create"));
      expect(repaired.map(({ blob }) => blob)).toEqual([basename(file)]);
      expect((await stage.project.datalab("backup", "verify")).code).toBe(0);
    });
    const size = (path: string) => statSync(stage.project.path(path)).size;

    test("a word that is no backup is refused with what to do", async () => {
      const ran = await stage.project.datalab("backup", "restore", "yesterday", "--yes");
      expect(ran.code).toBe(2);
      expect(ran.stderr).toContain('has no backup "yesterday"');
      expect(ran.stderr).toContain("./datalab backup list");
      const unasked = await stage.project.datalab("backup", "restore");
      expect(unasked.code).toBe(2);
      expect(unasked.stderr).toContain("--yes");
    });

    test("a restore brings everything back, and keeps what was there before", async () => {
      await wreck();
      // As a restore of another backup leaves it that was killed.
      psql("postgres", 'CREATE DATABASE "gone.loaded"');
      const restored = z
        .looseObject({ restored: z.literal(true), before: z.string(), databases: z.int() })
        .parse(await stage.project.json("backup", "restore", first.id, "--yes"));
      expect(restored.databases).toBe(first.databases);
      await isLikeBefore();
      expect(flowRuns().split("|")[1]).toBe(runs.split("|")[1]);
      expect(psql("postgres", "SELECT count(*) FROM pg_database WHERE datname LIKE '%.%'")).toBe("0");
      const listed = z.array(backup).parse(await stage.project.json("backup", "list"));
      expect(listed[0]?.id).toBe(restored.before);
      const upped = await stage.project.json<{ changes: Record<string, number> }>("up");
      expect(Object.keys(upped.changes)).toEqual(["same"]);
    });

    test("a restore that is killed half way is finished by the next", async () => {
      await wreck();
      const args = ["backup", "restore", first.id, "--no-save", "--yes"];
      const started = stage.project.start(...args);
      while (!/objects: \d+, in/.test(started.output())) {
        expect(started.child.exitCode, started.output()).toBeNull();
        await sleep(20);
      }
      process.kill(-started.pid, "SIGKILL");
      await started.ended;
      const ran = await stage.project.datalab(...args);
      expect(ran.code, ran.stderr).toBe(0);
      await isLikeBefore();
    });

    test("a drill restores it into a stack of its own, which passes every check and is gone afterwards", async () => {
      const drill = z
        .looseObject({
          objects: z.int(),
          databases: z.int(),
          checks: z.int(),
          tables: z.array(
            z.looseObject({ layer: z.string(), name: z.string(), rows: z.int(), version: z.int() }),
          ),
          kept: z.null(),
        })
        .parse(await stage.project.json("backup", "drill", first.id, "--port-offset", drillPorts));
      expect(drill).toMatchObject({ databases: first.databases, objects: first.objects });
      expect(drill.checks).toBeGreaterThan(5);
      expect(drill.tables).toEqual(
        tables.map(({ layer, name, rows: n, version }) => ({ layer, name, rows: n, version })),
      );
      expect(existsSync(stage.project.path("Pulumi.acc1-drill.yaml"))).toBe(false);
      expect(labelled(stage.project, "acc1-drill")).toEqual({ containers: [], networks: [], volumes: [] });
      await isLikeBefore();
    });

    test("another place for them is an S3 bucket", async () => {
      const access = {
        AWS_ACCESS_KEY_ID: "admin",
        AWS_SECRET_ACCESS_KEY: await stage.secret("object-store/admin"),
      };
      const to = `s3://backups/stack?endpoint=http://127.0.0.1:${ports.s3}&region=us-east-1&s3ForcePathStyle=true`;
      stage.project.configure((platform) => {
        platform.backup = { to };
      });
      Object.assign(process.env, access);
      try {
        const made = backup.parse(await stage.project.json("backup", "create"));
        expect(made.place).toBe("s3://backups/stack");
        const listed = z.array(backup).parse(await stage.project.json("backup", "list"));
        expect(listed.map(({ id }) => id)).toEqual([made.id]);
        expect((await stage.project.datalab("backup", "verify", "latest")).code).toBe(0);
        const pruned = await stage.project.json<{ kept: string[] }>(
          "backup",
          "prune",
          "--keep",
          "1",
          "--yes",
        );
        expect(pruned.kept).toEqual([made.id]);
      } finally {
        for (const name of Object.keys(access)) delete process.env[name];
        stage.project.configure((platform) => {
          delete platform.backup;
        });
      }
    });
  });
}
