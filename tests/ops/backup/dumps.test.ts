/** A restore puts in the place of what is live only what it has loaded itself. */
import { describe, expect, test } from "vitest";
import { type Dumper, outputOf, workloadDumper } from "../../../src/ops/backup/dumper.ts";
import { loadDumps, saveDumps, swapDumps } from "../../../src/ops/backup/dumps.ts";
import { run } from "../../../src/ops/process.ts";
import type { Runtime } from "../../../src/ops/target.ts";
import { dump } from "../../../src/services/postgres/dump.ts";
import { archived, backupRecordOf, text } from "./fixture-backup.ts";
import { standInServer } from "./stand-in-server.ts";
import { standInDatabases } from "./stand-in-source.ts";

const step = { update: () => {} };
const limit = { homeBytes: 2 ** 30 };

/** A backup of one database, in an archive. */
async function backupOf(name: string, content: string) {
  const its = await archived();
  const { id, bytes } = await its.archive.blobs.save(text(content));
  const record = backupRecordOf("20260131-120000-aaaa", [], {
    dumps: [{ service: "postgres", workload: "postgres", kind: "database", name, blob: id, bytes }],
  });
  return { ...its, record };
}

describe("what a killed restore of another backup has left", () => {
  test("is dropped before anything is loaded, and is not swapped in", async () => {
    const { archive, record } = await backupOf("prefect", "rows of prefect");
    const { dumper, live, loaded } = standInDatabases(
      { prefect: "today", mlflow: "today" },
      { mlflow: "of another backup", prefect: "of another backup" },
    );
    const [done] = await loadDumps(archive, record, [dumper], limit, step);
    expect(loaded).toEqual({ prefect: "rows of prefect" });
    await swapDumps(done);
    expect(live).toEqual({ prefect: "rows of prefect", mlflow: "today" });
  });

  test("nothing is swapped of whom the backup has nothing", async () => {
    const { archive, record } = await backupOf("prefect", "rows of prefect");
    const { dumper } = standInDatabases({ prefect: "today" });
    const calls: string[] = [];
    const other: Dumper = {
      ...dumper,
      workload: "other",
      prepare: async () => void calls.push("prepare"),
      swap: async () => void calls.push("swap"),
    };
    await swapDumps((await loadDumps(archive, record, [dumper, other], limit, step))[0]);
    expect(calls).toEqual(["prepare"]);
  });

  test("a database that differs from its dump ends the restore", async () => {
    const { archive, record } = await backupOf("prefect", "rows of prefect");
    const { dumper, live } = standInDatabases({ prefect: "today" });
    const wrong: Dumper = { ...dumper, load: async () => {} };
    await expect(loadDumps(archive, record, [wrong], limit, step)).rejects.toMatchObject({
      code: "E_RESTORE_DIFFERS",
      message:
        "The database prefect differs from its dump after loading (another content). Nothing was replaced.",
    });
    expect(live).toEqual({ prefect: "today" });
  });

  test("a database that can't be saved ends the backup: only homes are passed by", async () => {
    const { archive, signal } = await archived();
    const { dumper } = standInDatabases({ prefect: "today" });
    const broken: Dumper = { ...dumper, save: () => outputOf(() => Promise.reject(new Error("no"))) };
    await expect(saveDumps(archive, [broken], signal, step, () => {})).rejects.toThrow("no");
  });
});

test("a program whose output nobody reads any more is ended", async () => {
  const ended = Promise.withResolvers<Error>();
  const output = outputOf((out) => {
    const running = run("bash", ["-c", "while true; do echo more; done"], { output: out });
    running.catch(ended.resolve);
    return running;
  });
  output.once("data", () => output.destroy());
  expect((await ended.promise).message).toBe("what it wrote is no longer read");
});

describe("the program of PostgreSQL", () => {
  /** The real script, and a server that knows names only. */
  const program = async (databases: Record<string, string>) => {
    const server = standInServer(databases);
    const runtime = {
      exec: (_instance: string, [_bash, ...words]: readonly string[], options: object) =>
        run("bash", ["-c", dump.replace("/usr/lib/postgresql/15/bin", server.bin), "dump", ...words], {
          input: "",
          ...options,
        }),
    } as unknown as Runtime;
    return { ...server, dumper: workloadDumper(runtime, "postgres", "postgres", "pg", ["dump"]) };
  };
  const fail = () => expect.unreachable();

  test("swaps what is named, and leaves other copies beside it", async () => {
    const { dumper, databases } = await program({
      ...{ prefect: "old", mlflow: "old", hub: "old" },
      ...{ "prefect.loaded": "new", "hub.loaded": "new", "mlflow.loaded": "left" },
    });
    await dumper.swap(["prefect", "hub"], fail);
    expect(databases()).toEqual({
      ...{ prefect: "new", hub: "new", mlflow: "old", "mlflow.loaded": "left" },
      ...{ "prefect.replaced": "old", "hub.replaced": "old" },
    });
    await dumper.discard();
    expect(databases()).toEqual({ prefect: "new", hub: "new", mlflow: "old" });
  });

  test("swaps nothing when one of them is not loaded, or none is named", async () => {
    const before = { prefect: "old", mlflow: "old", "prefect.loaded": "new" };
    const { dumper, databases } = await program(before);
    await expect(dumper.swap(["prefect", "mlflow"], fail)).rejects.toThrow("mlflow is not loaded");
    await expect(dumper.swap([], fail)).rejects.toThrow("expected the names of databases");
    expect(databases()).toEqual(before);
  });

  test("drops copies before a restore, and keeps what an earlier one has replaced", async () => {
    const { dumper, databases } = await program({
      ...{ prefect: "new", "prefect.replaced": "old", "mlflow.loaded": "left", mlflow: "old" },
    });
    await dumper.prepare(["prefect"]);
    expect(databases()).toEqual({ prefect: "new", "prefect.replaced": "old", mlflow: "old" });
  });
});
