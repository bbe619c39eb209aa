import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { onTestFinished } from "vitest";
import { type HomeLimits, homeDumper } from "../../../src/ops/backup/home-dumper.ts";
import { homeGone } from "../../../src/ops/homes.ts";
import { run } from "../../../src/ops/process.ts";
import type { HomeHost, Homes } from "../../../src/ops/target.ts";
import { setVariable } from "../../support/programs.ts";

const path = "/home/notebook";
const homes: Homes = {
  ...{ stack: "dev", service: "jupyterhub", workload: "jupyterhub", instance: "hub" },
  ...{ key: "notebook", path, sizeBytes: 2 ** 30, storageClass: null },
};
/** Root may read everything: what people have locked must be locked for who saves it. */
const isRoot = process.getuid?.() === 0;
const asUser = isRoot ? ["setpriv", "--reuid=10001", "--regid=10001", "--clear-groups", "--"] : [];

/**
 * A first shell whose input is a socket, as that of Node's children is, reads the startup files of this
 * machine's user.
 */
const env = { TMPDIR: "/tmp", SHLVL: "2" };

/** A folder that every user of this machine reaches: TMPDIR may be for the user of the tests alone. */
function sharedFolder(): string {
  const folder = mkdtempSync("/tmp/datalab-homes-");
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  chmodSync(folder, 0o755);
  return folder;
}

/** Puts a script in the place of a program, which the owner of a home runs too. */
export function standInFor(program: string, script: string): void {
  const root = sharedFolder();
  writeFileSync(join(root, program), `#!/bin/bash\n${script}\n`, { mode: 0o755 });
  setVariable("PATH", `${root}${delimiter}${process.env.PATH ?? ""}`);
}

/**
 * Homes that are folders of this machine; the programs that save them, and their user, are the real ones.
 */
export function standInHomes(names: readonly string[], limits: HomeLimits) {
  const root = sharedFolder();
  const folder = (name: string) => join(root, name);
  const own = (file: string) => isRoot && chownSync(file, 10_001, 10_001);
  own(root);
  for (const name of names) {
    mkdirSync(folder(name));
    own(folder(name));
  }
  const gone = new Set<string>();
  const commands: string[][] = [];
  const host: HomeHost = {
    list: async () => [...names],
    open: async (_homes, name, { make }) => {
      if (gone.has(name) && !make) throw homeGone(name);
      return {
        run: (command, { timeoutSeconds: _, ...options } = {}) => {
          commands.push([name, command[7] ?? ""]);
          const [program = "", ...args] = [
            ...asUser,
            ...command.map((word) => (word === path ? folder(name) : word)),
          ];
          return run(program, args, { input: "", env, ...options });
        },
        close: async () => {},
      };
    },
  };
  /** Runs a script as the owner of a home, in it. */
  const as = async (name: string, script: string) => {
    const [program = "", ...args] = [...asUser, "bash", "-euc", script];
    const ran = await run(program, args, { cwd: folder(name), env });
    if (ran.code !== 0) throw new Error(ran.stderr);
    return ran.stdout.trim();
  };
  return { dumper: homeDumper(host, homes, limits), folder, as, gone, commands };
}
