/** Nothing in a repository passes for another thing, whoever has put it there. */
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { buffer } from "node:stream/consumers";
import { describe, expect, test } from "vitest";
import { loadDumps, swapDumps } from "../../../src/ops/backup/dumps.ts";
import { listBackups, verifyBackups } from "../../../src/ops/backup/list.ts";
import { blobsOf } from "../../../src/ops/backup/record.ts";
import { archived, archiveIn, backupRecordOf, blobFile, key, recordFile, text } from "./fixture-backup.ts";
import { standInHomes } from "./stand-in-homes.ts";
import { standInDatabases } from "./stand-in-source.ts";

const forgedId = "20991231-235959-ffff";
const real = "20260131-120000-aaaa";

/** A backup, of which one object's content is a record that somebody has made up. */
async function withForged() {
  const its = await archived();
  const { archive } = its;
  const forged = await archive.blobs.save(text(JSON.stringify(backupRecordOf(forgedId, []))));
  await archive.write(backupRecordOf(real, [forged.id]));
  return { ...its, forged: forged.id };
}

describe("what is sealed is bound to its kind and its place", () => {
  test("the three kinds have three keys, and the names another one", () => {
    const keys = [key.kinds.blob, key.kinds.record, key.names, key.first].map((each) => each.toString("hex"));
    expect(new Set(keys).size).toBe(4);
  });

  test("an object that says it is a record is none, and is not the latest", async () => {
    const { archive, folder, project, forged } = await withForged();
    copyFileSync(blobFile(folder, forged), recordFile(folder, forgedId));
    expect((await archive.find("latest")).id).toBe(real);
    await expect(archive.find(forgedId)).rejects.toMatchObject({
      code: "E_BACKUP_DAMAGED",
      message: `${forgedId} of the backup can't be used: it was changed, encrypted with another key, or written for another place than dev/records/${forgedId}.backup.`,
    });
    expect((await listBackups(project, "dev")).map((b) => [b.id, "unreadable" in b])).toEqual([
      [forgedId, true],
      [real, false],
    ]);
  });

  test("a record is not the mark of itself, nor that of another backup", async () => {
    const { archive, folder } = await withForged();
    await archive.markVerified(real, { at: "2026-01-31T12:00:00.000Z", blobs: 1, bytes: 1 });
    const mark = recordFile(folder, real).replace(/backup$/, "verified");
    const other = mark.replace(real, "20260201-120000-bbbb");
    await archive.write(backupRecordOf("20260201-120000-bbbb", []));
    copyFileSync(mark, other);
    expect(await archive.verified("20260201-120000-bbbb")).toBeUndefined();
    expect(await archive.verified(real)).toMatchObject({ blobs: 1 });
    copyFileSync(recordFile(folder, real), mark);
    expect(await archive.verified(real)).toBeUndefined();
  });

  test("an older record under a newer name is refused, and so is another stack's", async () => {
    const { archive, folder, project } = await withForged();
    copyFileSync(recordFile(folder, real), recordFile(folder, forgedId));
    expect((await archive.find("latest")).id).toBe(real);
    const prod = await archiveIn(folder, "prod");
    await prod.write({ ...backupRecordOf(forgedId, []), stack: "prod" });
    copyFileSync(recordFile(folder, forgedId).replace("/dev/", "/prod/"), recordFile(folder, forgedId));
    expect((await archive.find("latest")).id).toBe(real);
    expect((await listBackups(project, "dev")).map(({ id }) => id)).toEqual([forgedId, real]);
  });

  test("a record that names another backup or another stack than it stands for is refused", async () => {
    const { archive, folder } = await withForged();
    // As this stack itself could have written them: only what they say of themselves is wrong.
    await archive.write({ ...backupRecordOf(forgedId, []), stack: "prod" });
    await expect(archive.read(forgedId)).rejects.toMatchObject({
      message: `${forgedId} of the backup can't be used: its record is that of the backup ${forgedId} of the stack prod.`,
    });
    expect(existsSync(recordFile(folder, forgedId))).toBe(true);
    expect((await archive.find("latest")).id).toBe(real);
  });

  test("one object is not given for another", async () => {
    const { archive, folder } = await withForged();
    const [one, other] = [await archive.blobs.save(text("one")), await archive.blobs.save(text("other"))];
    copyFileSync(blobFile(folder, one.id), blobFile(folder, other.id));
    await expect(archive.blobs.open(other.id).then(buffer)).rejects.toThrow("written for another place");
  });
});

describe("backups that 0.2 made before", () => {
  const fixture = join(import.meta.dirname, "../../fixtures/backups-0.2");
  const names = {
    database: "4f1a5e29b57ef592bf1f83a7cfea0f09d513f3b7a9d3be22db0b3d1f20610102",
    home: "825557c7bbeb016a2321e1d37890d4719ef0d28ad377ca0bbed4c2d5d2669543",
    object: "f3a4d43f61db44212c149c167d15e362733783d62326f343075449ab47568498",
    forged: "67cb610cb2ff07485376cf83b7da4cf7c19fc51fcbbd40caf3fcb3fa673edfda",
  };

  async function old() {
    const its = await archived();
    cpSync(fixture, its.folder, { recursive: true });
    return its;
  }

  test("are listed, verified, found and opened", async () => {
    const { archive, folder, project, reporter, signal } = await old();
    expect(readFileSync(recordFile(folder, real)).subarray(0, 4).toString()).toBe("DLB1");
    expect(await listBackups(project, "dev")).toEqual([
      {
        ...{ id: real, stack: "dev", at: "2026-01-31T12:00:00.000Z", place: folder },
        ...{ release: "0123456789abcdef", verified: "2026-01-31T12:00:10.000Z" },
        ...{ databases: 1, homes: 1, objects: 2, bytes: 10_880, leaves: [], repaired: [] },
      },
    ]);
    const record = await archive.find("latest");
    expect([...blobsOf(record)].sort()).toEqual(Object.values(names).sort());
    const opened = async (blob: string) => (await buffer(await archive.blobs.open(blob))).toString();
    expect(await opened(names.database)).toBe("PGDMP of prefect");
    expect(await opened(names.object)).toBe("a,b\n1,2\n");
    expect(await verifyBackups(project, "dev", undefined, { reporter, signal })).toEqual([
      { id: real, ok: true, files: 4, bytes: 10_880 },
    ]);
  });

  test("are restored: the database, and the home with its files as they were", async () => {
    const { archive } = await old();
    const databases = standInDatabases({ prefect: "today" });
    const homes = standInHomes(["ana"], { bytes: 2 ** 20, seconds: 60 });
    await homes.as("ana", "echo new > since");
    const dumpers = [databases.dumper, homes.dumper];
    const step = { update: () => {} };
    const [loaded] = await loadDumps(
      archive,
      await archive.find(real),
      dumpers,
      { homeBytes: 2 ** 20 },
      step,
    );
    expect(loaded.passedBy).toEqual([]);
    expect((await swapDumps(loaded)).get(homes.dumper)?.size).toBe(0);
    for (const dumper of dumpers) await dumper.discard();
    expect(databases.live).toEqual({ prefect: "PGDMP of prefect" });
    const files = "TZ=UTC find . -mindepth 1 -printf '%p %y %TF %l\\n' | sort";
    expect(await homes.as("ana", files)).toBe(
      "./link l 2026-11-30 work/notes.txt\n./work d 2026-01-31 \n./work/notes.txt f 2026-01-31",
    );
    expect(await homes.as("ana", "cat link")).toBe("kept since 0.2");
  });

  test("share their files with what is saved now", async () => {
    const { archive, folder } = await old();
    const before = readFileSync(blobFile(folder, names.object));
    expect((await archive.blobs.save(text("a,b\n1,2\n"))).id).toBe(names.object);
    expect(readFileSync(blobFile(folder, names.object)).equals(before)).toBe(true);
    expect(archive.blobs.repaired).toEqual([]);
  });

  const refused =
    /^20991231-235959-ffff of the backup can't be used: what stands in its record's place is the content of a saved object\.$/;

  test.each([
    ["copied", copyFileSync],
    ["moved", renameSync],
  ])("an object of theirs that is %s to the records is not taken for one", async (_how, bring) => {
    const { archive, folder, project } = await old();
    bring(blobFile(folder, names.forged), recordFile(folder, forgedId));
    expect((await archive.find("latest")).id).toBe(real);
    await expect(archive.read(forgedId)).rejects.toThrow(refused);
    expect((await listBackups(project, "dev"))[0]).toMatchObject({
      id: forgedId,
      unreadable: expect.stringMatching(refused),
    });
  });

  test("an object of theirs is no mark either", async () => {
    const { archive, folder } = await old();
    copyFileSync(blobFile(folder, names.forged), recordFile(folder, real).replace(/backup$/, "verified"));
    expect(await archive.verified(real)).toBeUndefined();
  });

  test("nothing in their layout is newer than a backup of now", async () => {
    const { archive, folder } = await old();
    await archive.write(backupRecordOf("20260301-120000-cccc", []));
    rmSync(recordFile(folder, real));
    renameSync(blobFile(folder, names.forged), recordFile(folder, forgedId));
    // Nobody is left who names it as an object.
    expect((await archive.find("latest")).id).toBe("20260301-120000-cccc");
    await expect(archive.read(forgedId)).rejects.toThrow(
      "its record has the layout of DataLab before 20260301-120000-cccc, and claims to be newer",
    );
  });

  test("what is sealed now is not read with their key", async () => {
    const { archive, folder } = await old();
    const { id } = await archive.blobs.save(text(JSON.stringify(backupRecordOf(forgedId, []))));
    const file = recordFile(folder, forgedId);
    mkdirSync(dirname(file), { recursive: true });
    copyFileSync(blobFile(folder, id), file);
    expect((await archive.find("latest")).id).toBe(real);
  });
});
