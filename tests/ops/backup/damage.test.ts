/** What was right once and no longer is: the next backup mends it, and it hides nothing else. */
import { existsSync, globSync, readFileSync, rmSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { buffer } from "node:stream/consumers";
import { describe, expect, test } from "vitest";
import { backUp } from "../../../src/ops/backup/create.ts";
import { freshBackup, listBackups, pruneBackups, verifyBackups } from "../../../src/ops/backup/list.ts";
import { blobsOf } from "../../../src/ops/backup/record.ts";
import { verifyBackup } from "../../../src/ops/backup/verify.ts";
import { standIn } from "../../support/programs.ts";
import { archived, archiveIn, backupRecordOf, blobFile, recordFile, text } from "./fixture-backup.ts";
import { standInDatabases, standInSource } from "./stand-in-source.ts";

const flip = (file: string, at = 70) => {
  const bytes = readFileSync(file);
  bytes[at] = (bytes[at] as number) ^ 1;
  writeFileSync(file, bytes);
};

/** A stack with a database and two objects, which is backed up once. */
async function backedUp() {
  const its = await archived();
  standIn("docker", "console.log('[]')");
  const { dumper } = standInDatabases({ prefect: "rows of prefect" });
  const { source, reads } = standInSource({ silver: { a: "content of a", b: "content of b" } }, [dumper]);
  const { project, folder, reporter, signal } = its;
  const create = async () =>
    backUp({ project, stack: "dev", reporter, signal }, await archiveIn(folder), source);
  const { record } = await create();
  const [silver] = record.buckets;
  const blobs = {
    database: record.dumps[0]?.blob as string,
    a: silver?.objects[0]?.blob as string,
    b: silver?.objects[1]?.blob as string,
  };
  return { ...its, create, record, blobs, reads };
}

describe("a damaged file", () => {
  const harms: [string, (file: string) => void, string][] = [
    ["whose content has another bit", (file) => flip(file), "it was changed, or encrypted with another key"],
    [
      "whose head has another bit",
      (file) => flip(file, 20),
      "it was changed, encrypted with another key, or written for another place than ",
    ],
    ["that is cut short", (file) => truncateSync(file, 75), "it is truncated"],
    ["of which nothing is left", (file) => truncateSync(file, 0), "it is truncated"],
  ];
  test.each(harms)("%s is written anew by the next backup, which says so", async (_name, harm, why) => {
    const { folder, create, record, blobs, reads, project, reporter, signal } = await backedUp();
    const whole = [blobs.database, blobs.a].map((blob) => readFileSync(blobFile(folder, blob)).length);
    for (const blob of [blobs.database, blobs.a]) harm(blobFile(folder, blob));
    expect((await verifyBackups(project, "dev", record.id, { reporter, signal }))[0]).toMatchObject({
      ok: false,
    });
    reads.length = 0;
    const second = await create();
    expect(second.record.repaired.map(({ blob }) => blob)).toEqual([blobs.database, blobs.a]);
    for (const each of second.record.repaired)
      expect(each.why.startsWith(`${each.blob} of the backup can't be used: ${why}`), each.why).toBe(true);
    expect(reads, "only what is damaged is read again").toEqual(["silver/a"]);
    expect(second.record.dumps).toEqual(record.dumps);
    expect(second.record.buckets).toEqual(record.buckets);
    expect(second.verified).toMatchObject({ blobs: 3, bytes: 15 + 12 + 12 });
    expect([blobs.database, blobs.a].map((blob) => readFileSync(blobFile(folder, blob)).length)).toEqual(
      whole,
    );
    const archive = await archiveIn(folder);
    expect((await buffer(await archive.blobs.open(blobs.database))).toString()).toBe("rows of prefect");
    expect((await buffer(await archive.blobs.open(blobs.a))).toString()).toBe("content of a");
    // The earlier one is whole again, and a third finds nothing to mend.
    expect(await verifyBackups(project, "dev", undefined, { reporter, signal })).toEqual(
      [second.record.id, record.id]
        .sort()
        .reverse()
        .map((id) => ({ id, ok: true, files: 3, bytes: 39 })),
    );
    expect((await create()).record.repaired).toEqual([]);
  });

  test("that is missing is written again, and nothing was damaged", async () => {
    const { folder, create, blobs } = await backedUp();
    rmSync(blobFile(folder, blobs.b));
    expect((await create()).record.repaired).toEqual([]);
    expect(existsSync(blobFile(folder, blobs.b))).toBe(true);
  });

  test("that stands where another one should is written anew", async () => {
    const { folder, create, blobs } = await backedUp();
    writeFileSync(blobFile(folder, blobs.b), readFileSync(blobFile(folder, blobs.a)));
    expect((await create()).record.repaired.map(({ blob }) => blob)).toEqual([blobs.b]);
  });

  test("each file is read back once by a backup that relies on it", async () => {
    const { archive } = await backedUp();
    const blob = (await archive.blobs.save(text("content of a"))).id;
    expect(await archive.blobs.holds(blob)).toBe(true);
    expect(await archive.blobs.checkOnce(blob)).toBe(12);
  });

  test("takes the mark of a backup that was whole once: it gives up no data any more", async () => {
    const { project, folder, record, blobs, reporter, signal } = await backedUp();
    expect((await freshBackup(project, "dev", 24))?.id).toBe(record.id);
    for (const blob of [blobs.a, blobs.b]) flip(blobFile(folder, blob));
    const archive = await archiveIn(folder);
    await expect(verifyBackup({ reporter, signal }, archive, record)).rejects.toMatchObject({
      code: "E_BACKUP_DAMAGED",
      message: expect.stringMatching(/^2 of 3 files are damaged, the first: [0-9a-f]{64} of the backup /),
    });
    expect(await freshBackup(project, "dev", 24)).toBeUndefined();
    expect(await listBackups(project, "dev")).toMatchObject([{ id: record.id, verified: null }]);
  });
});

describe("a record that can't be read", () => {
  const [old, middle, newest] = ["20260131-120000-aaaa", "20260201-120000-bbbb", "20260202-120000-cccc"];

  /** Three backups with a file each and one that all share; the newest can't be read. */
  async function withUnreadable() {
    const its = await archived();
    const { archive, folder } = its;
    const save = async (content: string) => (await archive.blobs.save(text(content))).id;
    const blobs = { old: await save("old"), middle: await save("middle"), newest: await save("newest") };
    const shared = await save("shared");
    await archive.write(backupRecordOf(old, [blobs.old, shared]));
    await archive.write(backupRecordOf(middle, [blobs.middle, shared]));
    await archive.write(backupRecordOf(newest, [blobs.newest, shared]));
    const yesterday = new Date(Date.now() - 25 * 3600 * 1000);
    for (const path of globSync("dev/blobs/*/*", { cwd: folder }))
      utimesSync(`${folder}/${path}`, yesterday, yesterday);
    flip(recordFile(folder, newest));
    const left = () => ({
      records: globSync("dev/records/*.backup", { cwd: folder })
        .map((path) => path.slice(12, -7))
        .sort(),
      blobs: Object.entries({ ...blobs, shared })
        .filter(([, blob]) => existsSync(blobFile(folder, blob)))
        .map(([name]) => name),
    });
    return { ...its, blobs, left };
  }
  const why = `${newest} of the backup can't be used: it was changed, or encrypted with another key.`;

  test("is listed with its reason, and hides no other", async () => {
    const { project, folder } = await withUnreadable();
    expect(await listBackups(project, "dev")).toMatchObject([
      { id: newest, stack: "dev", place: folder, unreadable: why },
      { id: middle, objects: 2 },
      { id: old, objects: 2 },
    ]);
  });

  test.each([
    ["is empty", (file: string) => truncateSync(file, 0), /: it is truncated\.$/],
    [
      "is something else",
      (file: string) => writeFileSync(file, "x".repeat(200)),
      /: DataLab did not write it\.$/,
    ],
  ])("is named when it %s", async (_name, harm, reason) => {
    const { project, folder } = await withUnreadable();
    harm(recordFile(folder, newest));
    const [first] = await listBackups(project, "dev");
    expect(first).toMatchObject({ id: newest, unreadable: expect.stringMatching(reason) });
  });

  test("is not the latest, and who asks for the latest is told", async () => {
    const { archive, project, reporter, signal } = await withUnreadable();
    const skipped: string[] = [];
    const found = await archive.find("latest", (id, error) => skipped.push(`${id}: ${error.message}`));
    expect(found.id).toBe(middle);
    expect(skipped).toEqual([`${newest}: ${why}`]);
    await expect(archive.find(newest)).rejects.toMatchObject({ code: "E_BACKUP_DAMAGED", message: why });
    expect(await verifyBackups(project, "dev", undefined, { reporter, signal })).toMatchObject([
      { id: newest, ok: false, error: why },
      { id: middle, ok: true },
      { id: old, ok: true },
    ]);
  });

  test("is what is said when no other is left", async () => {
    const { archive, folder } = await withUnreadable();
    for (const id of [old, middle]) rmSync(recordFile(folder, id));
    await expect(archive.find("latest")).rejects.toMatchObject({ code: "E_BACKUP_DAMAGED", message: why });
  });

  test("is never pruned by itself, nor is any file, for nobody knows which ones it needs", async () => {
    const { project, left } = await withUnreadable();
    const pruned = { kept: [middle], removed: [old], unreadable: [newest], files: 0, bytes: 0 };
    expect(await pruneBackups(project, "dev", { keep: 1, dryRun: true })).toEqual(pruned);
    expect(left().records).toEqual([old, middle, newest]);
    expect(await pruneBackups(project, "dev", { keep: 1, dryRun: false })).toEqual(pruned);
    expect(left()).toEqual({ records: [middle, newest], blobs: ["old", "middle", "newest", "shared"] });
  });

  test("goes with all that only it needs when that is asked for", async () => {
    const { project, left } = await withUnreadable();
    const options = { keep: 1, dryRun: false, removeUnreadable: true };
    expect(await pruneBackups(project, "dev", options)).toMatchObject({
      kept: [middle],
      removed: [old, newest],
      unreadable: [],
      files: 2,
    });
    expect(left()).toEqual({ records: [middle], blobs: ["middle", "shared"] });
  });

  test("does not keep the next backup from relying on the last one that can be read", async () => {
    const { folder, create, record, reads } = await backedUp();
    writeFileSync(recordFile(folder, "20991231-120000-ffff"), "not a record");
    reads.length = 0;
    const second = await create();
    expect(reads).toEqual([]);
    expect(blobsOf(second.record)).toEqual(blobsOf(record));
  });

  test("a mark that can't be read is none", async () => {
    const { project, folder, record } = await backedUp();
    flip(recordFile(folder, record.id).replace(/backup$/, "verified"));
    expect(await listBackups(project, "dev")).toMatchObject([{ id: record.id, verified: null }]);
    expect(await freshBackup(project, "dev", 24)).toBeUndefined();
  });
});
