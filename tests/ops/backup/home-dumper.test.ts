import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { expect, test } from "vitest";
import { type HomeLimits, homeDumper } from "../../../src/ops/backup/home-dumper.ts";
import { run } from "../../../src/ops/process.ts";
import type { HomeHost, Homes } from "../../../src/ops/target.ts";
import { makeProject } from "../../support/project.ts";

/** Homes that are folders of this machine: the program that saves them is the real one. */
const folders: HomeHost = {
  list: async () => ["ana"],
  open: async () => ({
    run: ([program = "", ...args], options = {}) => run(program, args, { input: "", ...options }),
    close: async () => {},
  }),
};
const homesAt = (path: string): Homes => ({
  ...{ stack: "dev", service: "jupyterhub", workload: "jupyterhub", instance: "hub" },
  ...{ key: "notebook", path, sizeBytes: 2 ** 30, storageClass: null },
});
const emptyHome = () => makeProject({}, { bare: true });
const limits: HomeLimits = { bytes: 2 ** 30, seconds: 60 };
const dumperAt = (path: string) => homeDumper(folders, homesAt(path), limits);
const fail = (_name: string, error: Error) => {
  throw error;
};
const save = (path: string) => buffer(dumperAt(path).save("ana", () => {}));
const bringBack = async (path: string, saved: Buffer) => {
  const dumper = dumperAt(path);
  await dumper.load("ana", Readable.from([saved]));
  await dumper.swap(["ana"], fail);
  await dumper.discard();
};
const noon = new Date("2026-01-31T12:00:00.123Z");

/** Every kind of file that people have, and names that break scripts. */
function homeOfAna(): string {
  const home = emptyHome();
  mkdirSync(join(home, "work/empty"), { recursive: true });
  writeFileSync(join(home, "work/-rf *"), "a name");
  writeFileSync(join(home, "two\nlines"), "another");
  writeFileSync(join(home, ".hidden"), Buffer.from([0, 255, 10]));
  writeFileSync(join(home, "run.sh"), "#!/bin/sh\n", { mode: 0o700 });
  symlinkSync("/nowhere/at all", join(home, "link"));
  linkSync(join(home, ".hidden"), join(home, "work/the same"));
  mkdirSync(join(home, "locked"));
  writeFileSync(join(home, "locked/inside"), "kept");
  chmodSync(join(home, "locked"), 0o500);
  for (const name of ["run.sh", "locked", "work"]) utimesSync(join(home, name), noon, noon);
  return home;
}

/** What is there, but for the time of the home itself. */
function contentOf(home: string): Record<string, unknown> {
  const paths = readdirSync(home, { recursive: true, encoding: "utf8" }).sort();
  return Object.fromEntries(
    paths.map((path) => {
      const file = join(home, path);
      const found = lstatSync(file);
      const what = found.isSymbolicLink()
        ? readlinkSync(file)
        : found.isFile()
          ? readFileSync(file, "hex")
          : "folder";
      return [path, [found.mode, found.nlink, found.mtimeMs, what]];
    }),
  );
}

test("a home is saved the same each time, and comes back with every file as it was", async () => {
  const home = homeOfAna();
  const before = contentOf(home);
  const saved = await save(home);
  expect((await save(home)).equals(saved)).toBe(true);

  rmSync(join(home, "run.sh"));
  writeFileSync(join(home, ".hidden"), "something else");
  writeFileSync(join(home, "new"), "made since");
  const dumper = dumperAt(home);
  await dumper.load("ana", Readable.from([saved]));
  expect(await dumper.differs("ana", async () => Readable.from([saved]))).toBeUndefined();
  expect(readFileSync(join(home, "new"), "utf8"), "nothing has taken its place yet").toBe("made since");
  await dumper.swap(["ana"], fail);
  const replaced = join(home, ".datalab-replaced");
  const [aside = ""] = readdirSync(replaced);
  expect(readFileSync(join(replaced, aside, "new"), "utf8")).toBe("made since");
  expect((await save(home)).length, "what is aside is in no backup").toBe(saved.length);
  await dumper.discard();
  expect(contentOf(home)).toEqual(before);
  // The archive names the time of the home itself, which a change within it moves.
  const other = emptyHome();
  await bringBack(other, saved);
  expect(contentOf(other)).toEqual(before);
});

test("what was begun and never ended is done anew by the next call", async () => {
  const home = homeOfAna();
  const before = contentOf(home);
  const saved = await save(home);
  await dumperAt(home).load("ana", Readable.from([saved]));
  // As a swap leaves it that ends between its two moves.
  mkdirSync(join(home, ".datalab-replaced/first"), { recursive: true });
  for (const name of readdirSync(home).filter((each) => !each.startsWith(".datalab-")))
    await run("mv", [join(home, name), join(home, ".datalab-replaced/first")]);
  await bringBack(home, saved);
  expect(contentOf(home)).toEqual(before);
});

test("an archive that is not whole is refused, and nothing is touched", async () => {
  const home = homeOfAna();
  const before = contentOf(home);
  const saved = await save(home);
  const dumper = dumperAt(home);
  const cut = Readable.from([saved.subarray(0, saved.length - 8000)]);
  await expect(dumper.load("ana", cut)).rejects.toThrow(/^The home of ana can't be used \(load\): /);
  expect(contentOf(home)).toEqual(before);
});

test("a home that can't be read ends its dump with an error, not with what was read of it", async () => {
  await expect(save("/nowhere/at/all")).rejects.toThrow(/^The home of ana can't be used \(save\): /);
});
