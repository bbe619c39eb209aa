import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { onTestFinished } from "vitest";

export const repository = resolve(import.meta.dirname, "../../..");

/** A copy of what set-up and launcher consist of, with an empty cache of its own. */
export function emptyProject(): string {
  const root = mkdtempSync(join(tmpdir(), "datalab-setup-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  for (const path of ["setup.sh", "datalab", "tools", "src/images", "src/config/presets.json"]) {
    cpSync(join(repository, path), join(root, path), { recursive: true });
  }
  return root;
}

export function environment(root: string): NodeJS.ProcessEnv {
  // The Node that runs the tests is new enough: nothing is downloaded.
  const path = `${dirname(process.execPath)}:${process.env.PATH}`;
  return { ...process.env, PATH: path, XDG_CACHE_HOME: join(root, "cache"), DATALAB_DOCKER: "" };
}

export function setup(root: string, ...args: string[]) {
  return spawnSync(join(root, "setup.sh"), args, { encoding: "utf8", env: environment(root), input: "" });
}
