/** Lays out a build context. Its modes are those that the image's files get: COPY takes them over. */
import { chmodSync, copyFileSync, linkSync, mkdirSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import type { ContextFile } from "./context.ts";

/** Scripts that an image runs while it is built, or starts with. */
const executable: ReadonlySet<string> = new Set([
  ...["slim-apt", "datalab-start", "pip-host"],
  ...["fetch-jars", "slim-jars", "pathing-jar", "class-archive"],
]);

/** The mode of a file in the context, by its path there. */
const modeOf = (to: string): number => (executable.has(to) ? 0o755 : 0o644);

/**
 * Writes the files, the folders that must be there though they may be empty, and the programs (by their name
 * in the context) below `context`. Every user of the image can read all of it, whatever the umask and the
 * modes of the checkout are: containers run as a user of their own.
 */
export function layOut(
  context: string,
  files: readonly ContextFile[],
  folders: readonly string[],
  programs: ReadonlyMap<string, string>,
): void {
  const folder = (path: string): void => {
    const parts = relative(context, path).split(sep);
    mkdirSync(path, { recursive: true });
    // mkdir takes the umask off.
    for (let n = 0; n <= parts.length; n++) chmodSync(join(context, ...parts.slice(0, n)), 0o755);
  };
  const place = (from: string, to: string, mode: number): void => {
    const target = join(context, to);
    folder(dirname(target));
    copyFileSync(from, target);
    chmodSync(target, mode);
  };
  folder(context);
  for (const path of folders) folder(join(context, path));
  for (const { from, to } of files) place(from, to, modeOf(to));
  for (const [to, from] of programs) {
    try {
      chmodSync(from, 0o755);
      linkSync(from, join(context, to));
    } catch {
      // Another file system, or another user's cache.
      place(from, to, 0o755);
    }
  }
}
