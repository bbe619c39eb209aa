/** What one person has in a home keeps nobody else from being saved, and from getting everything back. */
import { existsSync, lstatSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { describe, expect, test } from "vitest";
import { backUp } from "../../../src/ops/backup/create.ts";
import type { OnLeft } from "../../../src/ops/backup/dumper.ts";
import { halfSwapped, loadDumps, saveDumps, swapDumps } from "../../../src/ops/backup/dumps.ts";
import type { HomeLimits } from "../../../src/ops/backup/home-dumper.ts";
import { standIn } from "../../support/programs.ts";
import { archived, backupRecordOf } from "./fixture-backup.ts";
import { standInFor, standInHomes } from "./stand-in-homes.ts";
import { standInDatabases, standInSource } from "./stand-in-source.ts";

const limits: HomeLimits = { bytes: 2 ** 20, seconds: 60 };
const step = { update: () => {} };
const noNote: OnLeft = (what, why) => expect.unreachable(`${what}: ${why}`);
const fail = (name: string, error: Error) => expect.unreachable(`${name}: ${error.message}`);
const terabytes = 15 * 2 ** 40;

/** A home with what this script makes, saved, emptied, and brought back. */
async function roundTrip(script: string, onLeft: OnLeft = noNote, its: HomeLimits = limits) {
  const homes = standInHomes(["ana"], its);
  await homes.as("ana", script);
  const saved = await buffer(homes.dumper.save("ana", onLeft));
  const load = async () => {
    await homes.dumper.load("ana", Readable.from([saved]));
    expect(await homes.dumper.differs("ana", async () => Readable.from([saved]))).toBeUndefined();
    await homes.dumper.swap(["ana"], fail);
    await homes.dumper.discard();
  };
  return { ...homes, saved, load, in: (name: string) => join(homes.folder("ana"), name) };
}

describe("one home", () => {
  test("with a file of 15 TB that is nearly empty is saved by what is in it, and comes back as large", async () => {
    const home = await roundTrip(
      `truncate --size 15T big; printf first | dd of=big conv=notrunc status=none
       printf middle | dd of=big bs=1 seek=5000000000000 conv=notrunc status=none; truncate --size 15T empty`,
    );
    expect(home.saved.length).toBeLessThan(100_000);
    for (const name of ["big", "empty"]) rmSync(home.in(name));
    await home.load();
    for (const name of ["big", "empty"]) {
      expect(statSync(home.in(name)).size).toBe(terabytes);
      expect(statSync(home.in(name)).blocks * 512).toBeLessThan(100_000);
    }
    const part = "dd if=big bs=1 count=6 status=none skip=";
    expect(await home.as("ana", `${part}0 | tr '\\0' .`)).toBe("first.");
    expect(await home.as("ana", `${part}5000000000000`)).toBe("middle");
  });

  test("without large holes is saved as 0.2 did: the same files are the same archive", async () => {
    const home = await roundTrip("truncate --size 100000 holes; printf x >> holes");
    expect(home.saved.includes("GNU.sparse")).toBe(false);
    await home.load();
    expect(
      readFileSync(home.in("holes")).equals(Buffer.concat([Buffer.alloc(100_000), Buffer.from("x")])),
    ).toBe(true);
  });

  test("whose file system does not count blocks is not taken for empty", async () => {
    // What such a system says of its files; tar would believe the same.
    standInFor("find", `/usr/bin/find "$@" | sed --null-data 's/^[0-9]* \\([0-9]* [.]\\)/0 \\1/'`);
    const its = { bytes: 200 * 2 ** 20, seconds: 60 };
    const home = await roundTrip("truncate --size 70M hollow; printf content > small", noNote, its);
    expect(home.saved.includes("GNU.sparse")).toBe(false);
  });

  test("may have pipes, sockets, odd names and folders that are locked", async () => {
    const home = await roundTrip(
      `mkfifo pipe; mkdir -p locked/inside; echo kept > locked/inside/file; echo odd > ' a name '$'\\n'' 0 5 x'
       chmod 500 locked locked/inside; mkdir none; chmod 000 none
       python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")'`,
      // An empty folder that nobody may look into.
      (what) => expect(what).toBe("none in the home of ana"),
    );
    await home.load();
    expect(lstatSync(home.in("pipe")).isFIFO()).toBe(true);
    expect(readFileSync(home.in("locked/inside/file"), "utf8")).toBe("kept\n");
    expect(readFileSync(home.in(" a name \n 0 5 x"), "utf8")).toBe("odd\n");
    expect(statSync(home.in("locked")).mode & 0o777).toBe(0o500);
  });

  const reservedNames = [".datalab-loaded", ".datalab-replaced"];

  test("may have links that lead nowhere, and files, where a restore has its own", async () => {
    const notes: string[] = [];
    const home = await roundTrip(
      "ln -s /nowhere .datalab-loaded; ln -s /nowhere/else .datalab-replaced; ln -s /nowhere lost+found; echo kept > file",
      (what, why) => notes.push(`${what}: ${why}`),
    );
    expect(notes).toEqual(reservedNames.map((name) => `${name} in the home of ana: restores use this name`));
    await home.load();
    expect(readdirSync(home.folder("ana")).sort()).toEqual(["file", "lost+found"]);
    for (const script of [
      "echo x > .datalab-loaded; echo x > .datalab-replaced",
      "mkdir -p .datalab-loaded/a/b .datalab-replaced/c; chmod 000 .datalab-loaded/a/b .datalab-loaded/a; chmod 000 .datalab-loaded; chmod 500 .datalab-replaced",
      "chmod 000 .",
    ]) {
      await home.as("ana", script);
      await home.load();
      expect(readdirSync(home.folder("ana")).sort()).toEqual(["file", "lost+found"]);
    }
    expect(readFileSync(home.in("file"), "utf8")).toBe("kept\n");
  });

  test("what its owner may not read is counted, not listed", async () => {
    const notes: string[] = [];
    await roundTrip("touch a{1..3000}; chmod 000 a*", (what, why) => notes.push(`${what}: ${why}`));
    expect(notes).toEqual([
      expect.stringMatching(/^a1 and 2999 more in the home of ana: its owner may not read it$/),
    ]);
  });

  test("that is not loaded is not swapped away", async () => {
    const { dumper, as, folder } = standInHomes(["ana"], limits);
    await as("ana", "echo kept > file; ln -s /tmp .datalab-loaded");
    const failed: string[] = [];
    await dumper.swap(["ana"], (name, error) => failed.push(`${name}: ${error.message}`));
    expect(failed).toEqual(["ana: The home of ana can't be used (swap): nothing is loaded"]);
    expect(readFileSync(join(folder("ana"), "file"), "utf8")).toBe("kept\n");
  });

  test("is compared file by file where its archive is another one", async () => {
    const { dumper, as } = standInHomes(["ana"], limits);
    await as("ana", "echo kept > file; mkdir sub; ln -s file link; mkfifo pipe");
    const saved = await buffer(dumper.save("ana", noNote));
    // As another file system gives it: the same files in another order.
    const other = Buffer.from(
      await as("ana", "tar --create --format=posix --owner=0 --group=0 pipe link sub file | base64"),
      "base64",
    );
    await dumper.load("ana", Readable.from([other]));
    expect(await dumper.differs("ana", async () => Readable.from([other]))).toBeUndefined();
    expect(await dumper.differs("ana", async () => Readable.from([saved]))).toBeUndefined();
    await as("ana", "echo more >> .datalab-loaded/file; rm .datalab-loaded/link");
    const how = await dumper.differs("ana", async () => Readable.from([other]));
    expect(how).toMatch(/link: Warning: Cannot stat|link: Cannot stat|link: No such file/);
    expect(how).toMatch(/file: Size differs/);
  });
});

describe("a backup of fifty homes, some of them hostile", () => {
  const names = Array.from({ length: 50 }, (_, i) => `user${String(i).padStart(2, "0")}`);
  const [links, sparse, large, locked, gone] = ["user03", "user11", "user17", "user29", "user41"];

  test("holds all others, names those that it passes by, and brings every other one back", {
    timeout: 300_000,
  }, async () => {
    const { archive, project, reporter, signal } = await archived();
    standIn("docker", "console.log('[]')");
    const homes = standInHomes(names, limits);
    const { as, folder, dumper } = homes;
    for (const name of names)
      await as(name, `mkdir work; echo "notes of ${name}" > work/notes; chmod 700 work`);
    await as(
      links,
      "for name in .datalab-loaded .datalab-replaced lost+found; do ln -s /nowhere $name; done",
    );
    await as(sparse, "truncate --size 15T huge");
    await as(large, "head --bytes 2M /dev/urandom > large");
    await as(locked, "chmod 000 .");
    homes.gone.add(gone);
    const databases = standInDatabases({ prefect: "rows" });
    const { source } = standInSource({ silver: { a: "content" } }, [databases.dumper, dumper]);
    const stack = { ...source, stopped: [source.platform.services[0] as never] };
    const { record, verified } = await backUp({ project, stack: "dev", reporter, signal }, archive, stack);
    expect(verified.blobs).toBe(49);
    expect(record.dumps.map(({ name }) => name)).toEqual([
      "prefect",
      ...names.filter((name) => ![large, locked, gone].includes(name)),
    ]);
    expect(record.leaves.filter(({ what }) => what.includes("the home of"))).toEqual([
      ...[".datalab-loaded", ".datalab-replaced"].map((name) => ({
        what: `${name} in the home of ${links}`,
        why: "restores use this name",
      })),
      { what: `the home of ${large}`, why: `The home of ${large} has more than 1.0 MiB.` },
      {
        what: `the home of ${locked}`,
        why: expect.stringMatching(
          new RegExp(`^The home of ${locked} can't be used \\(save\\): .*Permission denied`),
        ),
      },
      { what: `the home of ${gone}`, why: `The home of ${gone} is no longer there.` },
    ]);

    // Everything is wrecked, and one home can't be loaded into.
    const wrecked = names.filter((name) => ![locked, gone].includes(name));
    for (const name of wrecked) await as(name, "rm -rf work; echo new > since");
    const stuck = "user05";
    rmSync(folder(stuck), { recursive: true });
    symlinkSync("/nowhere", folder(stuck));
    const [loaded, text] = await loadDumps(
      archive,
      record,
      source.dumpers,
      { homeBytes: limits.bytes },
      step,
    );
    expect(text).toBe(`47 loaded, each equal to its dump; passed by: the home of ${stuck}`);
    const failed = await swapDumps(loaded);
    expect(halfSwapped(failed)).toEqual([]);
    await dumper.discard();
    expect(loaded.passedBy).toEqual([
      {
        what: `the home of ${stuck}`,
        why: expect.stringMatching(/^The home of user05 can't be used \(load\): /),
      },
    ]);
    const back = record.dumps
      .map(({ name }) => name)
      .filter((name) => name.startsWith("user") && name !== stuck);
    expect(back).toHaveLength(46);
    for (const name of back) {
      expect(readFileSync(join(folder(name), "work/notes"), "utf8")).toBe(`notes of ${name}\n`);
      expect(existsSync(join(folder(name), "since"))).toBe(false);
    }
    expect(statSync(join(folder(sparse), "huge")).size).toBe(terabytes);
    expect(readFileSync(join(folder(large), "since"), "utf8")).toBe("new\n");
    expect(databases.live).toEqual({ prefect: "rows" });
  });

  test("one that takes longer than it may is ended, with all that it runs", async () => {
    const { archive } = await archived();
    const { dumper, folder } = standInHomes(["ana"], { bytes: 2 ** 20, seconds: 1 });
    standInFor("tar", `echo $$ > pid; while true; do echo more; sleep 0.05; done`);
    await expect(archive.blobs.save(dumper.save("ana", noNote))).rejects.toMatchObject({
      code: "E_HOME_LIMIT",
      message: "The home of ana takes longer than 1 s (save).",
      hint: "`backup.homes.time` in Pulumi.<stack>.yaml sets how long one may take.",
    });
    const pid = readFileSync(join(folder("ana"), "pid"), "utf8").trim();
    const runs = () => existsSync(`/proc/${pid}`) && readFileSync(`/proc/${pid}/cmdline`, "utf8") !== "";
    await expect.poll(runs, { timeout: 10_000 }).toBe(false);
  });

  test("none of several that can be used is no fault of theirs: the backup, or restore, ends", async () => {
    const { archive, signal } = await archived();
    const homes = standInHomes(["ana", "ben"], limits);
    for (const name of ["ana", "ben"]) await homes.as(name, "echo kept > file");
    const dumpers = [homes.dumper];
    const [dumps] = await saveDumps(archive, dumpers, signal, step, noNote);
    standInFor("tar", "echo no program >&2; exit 2");
    const left: string[] = [];
    const save = saveDumps(archive, dumpers, signal, step, (what) => left.push(what));
    await expect(save).rejects.toMatchObject({
      code: "E_DUMP",
      message: "The home of ana can't be used (save): no program",
    });
    const record = backupRecordOf("20260131-120000-aaaa", [], { dumps });
    const load = loadDumps(archive, record, dumpers, { homeBytes: limits.bytes }, step);
    await expect(load).rejects.toThrow("The home of ana can't be used (load): no program");
    expect(readFileSync(join(homes.folder("ana"), "file"), "utf8")).toBe("kept\n");
  });

  test("one that could not be saved first is not replaced", async () => {
    const { archive, project, reporter, signal } = await archived();
    standIn("docker", "console.log('[]')");
    const homes = standInHomes(["ana", "ben"], limits);
    for (const name of ["ana", "ben"]) await homes.as(name, "echo kept > file");
    const { source } = standInSource({}, [homes.dumper]);
    const stack = { ...source, stopped: [source.platform.services[0] as never] };
    const create = async () =>
      (await backUp({ project, stack: "dev", reporter, signal }, archive, stack)).record;
    const record = await create();
    await homes.as("ana", "head --bytes 2M /dev/urandom > since");
    const saved = await create();
    const options = { homeBytes: limits.bytes, saved };
    const [loaded] = await loadDumps(archive, record, source.dumpers, options, step);
    expect([...loaded.names.values()]).toEqual([["ben"]]);
    expect(loaded.passedBy).toEqual([
      {
        what: "the home of ana",
        why: "What is in it now could not be saved first: The home of ana has more than 1.0 MiB. `--no-save` replaces it nevertheless.",
      },
    ]);
    await swapDumps(loaded);
    expect(statSync(join(homes.folder("ana"), "since")).size).toBe(2 * 2 ** 20);
  });

  test("one that is larger than the limit of now is not loaded, and the others are", async () => {
    const { archive, project, reporter, signal } = await archived();
    standIn("docker", "console.log('[]')");
    const homes = standInHomes(["ana", "ben"], limits);
    await homes.as("ana", "head --bytes 500000 /dev/urandom > file");
    await homes.as("ben", "echo kept > file");
    const { source } = standInSource({}, [homes.dumper]);
    const stack = { ...source, stopped: [source.platform.services[0] as never] };
    const { record } = await backUp({ project, stack: "dev", reporter, signal }, archive, stack);
    const [loaded] = await loadDumps(archive, record, source.dumpers, { homeBytes: 100_000 }, step);
    expect([...loaded.names.values()]).toEqual([["ben"]]);
    expect(loaded.passedBy).toMatchObject([{ what: "the home of ana" }]);
    expect(homes.commands.filter(([name, word]) => name === "ana" && word === "load")).toEqual([]);
  });
});
