import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";

const root = resolve(import.meta.dirname, "../..");
const git = (...args: string[]): string => {
  const ran = spawnSync("git", args, { cwd: root, encoding: "utf8" });
  if (ran.status !== 0) throw new Error(ran.stderr);
  return ran.stdout;
};

// `up` writes a salt and secrets into the file of the stack. Committed, no other passphrase opens them, and
// the first `up` of every fresh clone fails. What is asked is what git has: the file itself may well hold
// them where a stack runs.
const isRepository = existsSync(join(root, ".git"));
describe.skipIf(!isRepository)("the stacks' files", () => {
  const files = isRepository ? git("ls-files", "Pulumi.*.yaml").trim().split("\n") : [];

  test("are there for the three environments", () => {
    expect(files).toEqual(["Pulumi.dev.yaml", "Pulumi.prod.yaml", "Pulumi.staging.yaml"]);
  });

  test.each(files)("%s is shipped without a secret", (file) => {
    const content = git("show", `:${file}`);
    expect(Object.keys(parse(content))).toEqual(["config"]);
    expect(content).not.toMatch(/encryptionsalt|secure:/);
  });
});
