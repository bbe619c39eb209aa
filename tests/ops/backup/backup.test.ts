import { randomBytes } from "node:crypto";
import { existsSync, globSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { describe, expect, test } from "vitest";
import { freshBackup, listBackups, pruneBackups, verifyBackups } from "../../../src/ops/backup/list.ts";
import { backupRecord, blobsOf, contentsOf } from "../../../src/ops/backup/record.ts";
import { meter, type Place, seal, sealKey, unseal } from "../../../src/ops/backup/seal.ts";
import { verifyBackup } from "../../../src/ops/backup/verify.ts";
import { locationOf, locationText, stateSibling } from "../../../src/ops/engine/state-location.ts";
import { setVariable } from "../../support/programs.ts";
import { makeProject } from "../../support/project.ts";
import { archived, backupRecordOf, blobFile, key, master, text } from "./fixture-backup.ts";

const there: Place = { kind: "blob", path: "dev/blobs/ab/abc" };
const nameOf = (with_: typeof key, content: Buffer) => {
  const counted = meter(with_);
  counted.take(content);
  return counted.end();
};
const fileIn = (folder: string, name = "sealed") => join(folder, name);

describe("what is sealed", () => {
  const contents: [string, Buffer][] = [
    ["nothing", Buffer.alloc(0)],
    ["one byte", Buffer.from("x")],
    ["what can't be compressed", randomBytes(3_000_000)],
    ["what can be", Buffer.alloc(5_000_000, "abc")],
  ];
  test.each(contents)("is the same when it is opened: %s", async (_name, content) => {
    const file = fileIn(makeProject({}, { bare: true }));
    const sealed = await seal(key, Readable.from([content]), file, () => there);
    const opened = await buffer(unseal(key, there, Readable.from([readFileSync(file)])));
    expect(opened.equals(content)).toBe(true);
    expect(nameOf(key, content)).toEqual(sealed);
    expect(sealed.bytes).toBe(content.length);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test("shows nothing of itself, and another time looks otherwise", async () => {
    const folder = makeProject({}, { bare: true });
    const content = "a password".repeat(100);
    const one = await seal(key, text(content), fileIn(folder, "one"), () => there);
    const other = await seal(key, text(content), fileIn(folder, "other"), () => there);
    expect(one).toEqual(other);
    const [first, second] = ["one", "other"].map((name) => readFileSync(fileIn(folder, name)));
    expect(first?.includes("a password")).toBe(false);
    expect(first?.equals(second as Buffer)).toBe(false);
    // Whoever knows the content can't tell that it is there, nor can another stack.
    expect(one.id).not.toBe(one.sha256);
    expect(nameOf(sealKey(master, "prod"), Buffer.from(content)).id).not.toBe(one.id);
  });

  test.each([
    ["its mark", 0],
    ["its nonce", 5],
    ["its own key", 20],
    ["that key's tag", 60],
    ["its content", 80],
    ["its tag", -1],
  ])("is refused when a bit of %s is another", async (_what, at) => {
    const file = fileIn(makeProject({}, { bare: true }));
    await seal(key, Readable.from([randomBytes(1000)]), file, () => there);
    const bytes = readFileSync(file);
    const place = at < 0 ? bytes.length + at : at;
    bytes[place] = (bytes[place] as number) ^ 1;
    await expect(buffer(unseal(key, there, Readable.from([bytes])))).rejects.toThrow();
  });

  test("is refused with another stack's key, and when it is cut short", async () => {
    const file = fileIn(makeProject({}, { bare: true }));
    await seal(key, text("content"), file, () => there);
    const bytes = readFileSync(file);
    const opened = (with_: typeof key, from: Buffer) => buffer(unseal(with_, there, Readable.from([from])));
    await expect(opened(sealKey(master, "prod"), bytes)).rejects.toThrow("encrypted with another key");
    for (const length of [0, 10, 20, 60, 70, bytes.length - 1]) {
      await expect(opened(key, bytes.subarray(0, length))).rejects.toThrow();
    }
  });
});

const hex = (letter: string) => letter.repeat(64);

describe("the archive of a stack", () => {
  test("keeps the same content once, and gives it back", async () => {
    const { archive, folder } = await archived();
    const one = await archive.blobs.save(text("content"));
    const again = await archive.blobs.save(text("content"));
    expect(again.id).toBe(one.id);
    expect(globSync("dev/blobs/**/*", { cwd: folder }).filter((path) => path.endsWith(one.id))).toHaveLength(
      1,
    );
    expect(globSync("draft/*", { cwd: folder })).toEqual([]);
    expect((await buffer(await archive.blobs.open(one.id))).toString()).toBe("content");
  });

  test("finds a backup by its id or as the latest, and says what there is otherwise", async () => {
    const { archive } = await archived();
    await expect(archive.find("latest")).rejects.toMatchObject({ code: "E_BACKUP_UNKNOWN", exitCode: 2 });
    for (const id of ["20260131-120000-aaaa", "20260201-120000-bbbb"])
      await archive.write(backupRecordOf(id, []));
    expect((await archive.find("latest")).id).toBe("20260201-120000-bbbb");
    expect((await archive.find("20260131-120000-aaaa")).id).toBe("20260131-120000-aaaa");
    await expect(archive.find("20260131")).rejects.toMatchObject({
      message: 'The stack dev has no backup "20260131".',
      hint: "./datalab backup list --stack dev shows them.",
    });
  });

  test("what is damaged is named, and what is whole is read all the same", async () => {
    const { project, archive, folder, reporter, signal } = await archived();
    const [bad, good] = [await archive.blobs.save(text("bad")), await archive.blobs.save(text("good"))];
    await archive.write(backupRecordOf("20260131-120000-aaaa", [bad.id, good.id]));
    await archive.write(backupRecordOf("20260201-120000-bbbb", [good.id]));
    const file = blobFile(folder, bad.id);
    const bytes = readFileSync(file);
    bytes[70] = (bytes[70] as number) ^ 1;
    writeFileSync(file, bytes);
    const checked = await verifyBackups(project, "dev", undefined, { reporter, signal });
    expect(checked).toEqual([
      { id: "20260201-120000-bbbb", ok: true, files: 1, bytes: 4 },
      {
        id: "20260131-120000-aaaa",
        ok: false,
        files: 0,
        bytes: 0,
        error: `${bad.id} of the backup can't be used: it was changed, or encrypted with another key.`,
      },
    ]);
    const listed = await listBackups(project, "dev");
    expect(listed.map((b) => [b.id, "verified" in b && b.verified !== null])).toEqual([
      ["20260201-120000-bbbb", true],
      ["20260131-120000-aaaa", false],
    ]);
  });

  test("pruning keeps the last ones with all that they need, and what is younger than a day", async () => {
    const { project, archive, folder } = await archived();
    const blobs = [];
    for (const content of ["old", "shared", "new", "unfinished"])
      blobs.push((await archive.blobs.save(text(content))).id);
    const [old, shared, fresh, unfinished] = blobs as [string, string, string, string];
    await archive.write(backupRecordOf("20260131-120000-aaaa", [old, shared]));
    await archive.write(backupRecordOf("20260201-120000-bbbb", [shared, fresh]));
    const yesterday = new Date(Date.now() - 25 * 3600 * 1000);
    for (const blob of [old, shared, fresh]) utimesSync(blobFile(folder, blob), yesterday, yesterday);
    const { size } = statSync(blobFile(folder, old));
    const pruned = {
      kept: ["20260201-120000-bbbb"],
      removed: ["20260131-120000-aaaa"],
      unreadable: [],
      files: 1,
      bytes: size,
    };
    expect(await pruneBackups(project, "dev", { keep: 1, dryRun: true })).toEqual(pruned);
    expect(existsSync(blobFile(folder, old))).toBe(true);
    expect(await pruneBackups(project, "dev", { keep: 1, dryRun: false })).toEqual(pruned);
    expect([old, shared, fresh, unfinished].map((blob) => existsSync(blobFile(folder, blob)))).toEqual([
      ...[false, true, true, true],
    ]);
    expect(await archive.ids()).toEqual(["20260201-120000-bbbb"]);
  });

  test("pruning takes notes that a backup was read back whose record is gone", async () => {
    const { project, archive, folder, reporter, signal } = await archived();
    const blob = await archive.blobs.save(text("content"));
    const [gone, kept] = ["20260131-120000-aaaa", "20260201-120000-bbbb"].map((id) =>
      backupRecordOf(id, [blob.id]),
    ) as [ReturnType<typeof backupRecordOf>, ReturnType<typeof backupRecordOf>];
    for (const record of [gone, kept]) await archive.write(record);
    await verifyBackup({ reporter, signal }, archive, kept);
    await pruneBackups(project, "dev", { keep: 1, dryRun: false });
    // A restore that read it meanwhile.
    await verifyBackup({ reporter, signal }, archive, gone);
    expect(await archive.strayNotes()).toEqual([gone.id]);
    await pruneBackups(project, "dev", { keep: 1, dryRun: true });
    expect(await archive.strayNotes()).toEqual([gone.id]);
    await pruneBackups(project, "dev", { keep: 1, dryRun: false });
    const names = globSync("**/records/*", { cwd: folder }).map((path) => basename(path));
    expect(names.sort()).toEqual([`${kept.id}.backup`, `${kept.id}.verified`]);
  });

  test("a backup counts as fresh when it is young and was read back whole", async () => {
    const { project, archive, reporter, signal } = await archived();
    expect(await freshBackup(project, "dev", 24)).toBeUndefined();
    const blob = await archive.blobs.save(text("content"));
    const record = backupRecordOf("20260131-120000-aaaa", [blob.id]);
    await archive.write(record);
    expect(await freshBackup(project, "dev", 24)).toBeUndefined();
    await verifyBackup({ reporter, signal }, archive, record);
    expect((await freshBackup(project, "dev", 24))?.id).toBe(record.id);
    const old = backupRecordOf("20260201-120000-bbbb", [blob.id], {
      begun: new Date(Date.now() - 25 * 3600 * 1000).toISOString(),
    });
    await archive.write(old);
    await verifyBackup({ reporter, signal }, archive, old);
    expect(await freshBackup(project, "dev", 24)).toBeUndefined();
  });
});

test("what a backup holds is counted from its record", () => {
  const record = backupRecordOf("20260131-120000-aaaa", [hex("1"), hex("1"), hex("2")], {
    dumps: [
      {
        ...{ service: "postgres", workload: "postgres", kind: "database" },
        ...{ name: "prefect", blob: hex("3"), bytes: 100 },
      },
      {
        ...{ service: "jupyterhub", workload: "jupyterhub", kind: "home" },
        ...{ name: "ana", blob: hex("4"), bytes: 50 },
      },
    ],
  });
  expect(contentsOf(record)).toEqual({ databases: 1, homes: 1, objects: 3, bytes: 171 });
  expect([...blobsOf(record)].sort()).toEqual(["1", "2", "3", "4"].map(hex));
});

test("a record from before homes were saved is read: what it holds are databases", () => {
  const { dumps, ...rest } = backupRecordOf("20260131-120000-aaaa", []);
  expect(dumps).toEqual([]);
  const before = { service: "postgres", workload: "postgres", name: "prefect", blob: hex("3"), bytes: 100 };
  expect(backupRecord.parse({ ...rest, dumps: [before] }).dumps).toEqual([{ ...before, kind: "database" }]);
});

describe("where backups are", () => {
  test("beside the state, wherever that is", () => {
    const project = makeProject({});
    const beside = (url: string) => {
      setVariable("PULUMI_BACKEND_URL", url);
      return locationText(stateSibling(project, "backups"));
    };
    expect(beside("file://./.datalab/state")).toBe(join(project, ".datalab/backups"));
    expect(beside("file:///srv/state")).toBe("/srv/state/backups");
    expect(beside("s3://team/datalab?region=eu-central-1")).toBe("s3://team/datalab/backups");
    expect(beside("https://state.example.com")).toBe(join(project, ".datalab/backups"));
  });

  test("or where the configuration says, in the words of Pulumi's backends", () => {
    const url =
      "s3://bucket/a/b?endpoint=127.0.0.1:9000&disableSSL=true&s3ForcePathStyle=true&region=us-east-1";
    expect(locationOf("/p", url)).toEqual({
      kind: "s3",
      bucket: "bucket",
      prefix: "a/b",
      client: { region: "us-east-1", endpoint: "http://127.0.0.1:9000", forcePathStyle: true },
    });
    expect(locationOf("/p", "file://./here")).toEqual({ kind: "folder", path: "/p/here" });
  });
});
