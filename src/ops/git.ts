import { isDeepStrictEqual } from "node:util";
import { parse } from "yaml";
import { ProgramMissing, run } from "./process.ts";

/** What of a project is in git. */
export interface GitState {
  /** null: not in git, or without any commit. */
  readonly commit: string | null;
  /** Files that differ from the commit, as far as they matter for the stack. */
  readonly dirty: readonly string[];
}

/**
 * The commit of a project, and the files that differ from it. Files of other stacks don't count, nor does
 * what set-up writes into the stack's own file beside `datalab:platform`.
 */
export async function gitState(project: string, stack: string): Promise<GitState> {
  const git = async (...args: string[]) => {
    const ran = await run("git", ["-C", project, ...args]).catch((error: unknown) => {
      if (error instanceof ProgramMissing) return { code: 127, stdout: "", stderr: "" };
      throw error;
    });
    return ran.code === 0 ? ran.stdout : undefined;
  };
  const [commit, status] = await Promise.all([
    git("rev-parse", "--verify", "--quiet", "HEAD"),
    git("status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--", "."),
  ]);
  if (commit === undefined || status === undefined) return { commit: null, dirty: [] };
  const changed = status
    .split("\0")
    .filter((line) => line !== "")
    .map((line) => line.slice(3));
  const own = `Pulumi.${stack}.yaml`;
  const dirty: string[] = [];
  for (const path of changed) {
    if (path !== own && /^(?:.*\/)?Pulumi\.[a-z][a-z0-9-]*\.yaml$/.test(path)) continue;
    if (path === own) {
      const [before, now] = await Promise.all([git("show", `HEAD:./${own}`), readWorking(project, own)]);
      if (before !== undefined && isDeepStrictEqual(platformOf(before), platformOf(now))) continue;
    }
    dirty.push(path);
  }
  return { commit: commit.trim(), dirty: dirty.sort() };
}

async function readWorking(project: string, file: string): Promise<string> {
  const { readFile } = await import("node:fs/promises");
  return readFile(`${project}/${file}`, "utf8").catch(() => "");
}

function platformOf(text: string): unknown {
  try {
    return (parse(text) as { config?: Record<string, unknown> } | null)?.config?.["datalab:platform"] ?? {};
  } catch {
    return text;
  }
}
