import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  constants,
  copyFileSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, onTestFinished, test } from "vitest";
import { emptyProject } from "./support/empty-project.ts";

const isRoot = process.getuid?.() === 0;
const nobody = 65534;
// Who is not root can't be another user: what that user can't do is taken from the folders instead.
const me = isRoot ? nameOf(nobody) : userInfo().username;
const owner = userInfo().username;

function nameOf(uid: number): string {
  return spawnSync("id", ["-un", String(uid)], { encoding: "utf8" }).stdout.trim();
}

// A folder for temporary files may be closed to all but its owner, as that of .ci/run is.
const open = mkdtempSync("/var/tmp/datalab-other-user-");
chmodSync(open, 0o755);
process.env.TMPDIR = open;
afterAll(() => rmSync(open, { recursive: true, force: true }));

/** The Node of these tests, where everybody may start it. */
const bin = mkdtempSync(join(tmpdir(), "datalab-node-"));
chmodSync(bin, 0o755);
copyFileSync(process.execPath, join(bin, "node"), constants.COPYFILE_FICLONE);
chmodSync(join(bin, "node"), 0o755);
afterAll(() => rmSync(bin, { recursive: true }));

/** A checkout that another user has set up, whose command line prints what it was given. */
function checkout(): string {
  const folder = emptyProject();
  for (const each of ["src/cli", "node_modules", ".datalab"])
    mkdirSync(join(folder, each), { recursive: true });
  writeFileSync(join(folder, "node_modules/.package-lock.json"), "{}");
  writeFileSync(
    join(folder, "src/cli/main.ts"),
    "console.log(process.argv.slice(2).join(' '), process.env.NODE_DISABLE_COMPILE_CACHE);\n",
  );
  chmodSync(join(folder, ".datalab"), isRoot ? 0o700 : 0o500);
  chmodSync(folder, isRoot ? 0o755 : 0o555);
  onTestFinished(() => chmodSync(folder, 0o755));
  return folder;
}

function run(folder: string, ...args: string[]) {
  const home = mkdtempSync(join(tmpdir(), "datalab-home-"));
  onTestFinished(() => rmSync(home, { recursive: true }));
  if (isRoot) chownSync(home, nobody, nobody);
  const { status, stdout, stderr } = spawnSync(join(folder, "datalab"), args, {
    encoding: "utf8",
    env: { PATH: `${bin}:/usr/bin:/bin`, HOME: home },
    ...(isRoot && { uid: nobody, gid: nobody }),
  });
  return { status, stdout, stderr, left: readdirSync(home) };
}

const entries = (folder: string) =>
  readdirSync(folder).map((name) => `${name} ${lstatSync(join(folder, name)).mtimeMs}`);

describe("in another user's checkout", () => {
  test.each([
    [["up"]],
    [["data", "list-tables"]],
    [["--json", "platform", "status"]],
    [["-s", "config", "up"]],
  ])("%j says whose it is, and what to do", (args) => {
    const folder = checkout();
    const before = entries(folder);
    expect(run(folder, ...args)).toEqual({
      status: 2,
      stdout: "",
      stderr:
        `✖ ${folder}/.datalab belongs to ${owner}, and you are ${me}: you can't write to it\n` +
        `→ Work in a clone of your own, with a stack name and a portOffset of your own, or as ${owner}\n`,
      left: [],
    });
    expect(entries(folder)).toEqual(before);
  });

  test.each([
    [["--version"]],
    [["--help"]],
    [["data", "ingest", "-h"]],
    [["config", "validate"]],
    [["-s", "qa", "--json", "config", "validate"]],
  ])("%j works, and writes nothing", (args) => {
    const folder = checkout();
    const before = entries(folder);
    const wanted = { status: 0, stdout: `${args.join(" ")} 1\n`, stderr: "", left: [] };
    expect(run(folder, ...args)).toEqual(wanted);
    expect(entries(folder)).toEqual(before);
  });
});
