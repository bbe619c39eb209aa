/** The files of a build context: which ones count, and where they go. */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** One file of a build context. */
export interface ContextFile {
  /** Absolute path on the host. */
  readonly from: string;
  /** Path in the build context, with forward slashes. */
  readonly to: string;
}

const ignoredFolders = new Set([
  "__pycache__",
  ".pytest_cache",
  ".ruff_cache",
  ".hypothesis",
  "node_modules",
]);
const ignoredFile = /\.pyc$|~$|^\.|\.swp$/;

/**
 * Every file under a folder, sorted, caches and editors' files left out. `only` keeps those top-level
 * entries.
 */
export function filesUnder(folder: string, to: string, only?: readonly string[]): ContextFile[] {
  if (!existsSync(folder)) return [];
  const found: ContextFile[] = [];
  const walk = (from: string, prefix: string, top: boolean): void => {
    for (const entry of readdirSync(from, { withFileTypes: true })) {
      if (top && only !== undefined && !only.includes(entry.name)) continue;
      const target = prefix === "" ? entry.name : `${prefix}/${entry.name}`;
      if (entry.isDirectory()) {
        if (!ignoredFolders.has(entry.name)) walk(join(from, entry.name), target, false);
      } else if (entry.isFile() && !ignoredFile.test(entry.name)) {
        found.push({ from: join(from, entry.name), to: target });
      }
    }
  };
  walk(folder, to, true);
  return found.sort((a, b) => (a.to < b.to ? -1 : 1));
}

/**
 * The files of every pipeline: a folder with a definition, `pipeline.yaml`, `pipeline.yml` or
 * `pipeline.json`.
 */
export function pipelineFolders(pipelines: string): ContextFile[] {
  if (!existsSync(pipelines)) return [];
  const definitions = ["pipeline.yaml", "pipeline.yml", "pipeline.json"];
  const names = readdirSync(pipelines, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .filter((name) => definitions.some((definition) => existsSync(join(pipelines, name, definition))));
  return names.sort().flatMap((name) => filesUnder(join(pipelines, name), `pipelines/${name}`));
}

/** The Python that services run of their own: `NAME/FILE.py` beside the service's TypeScript. */
export function servicePrograms(root: string, to: string): ContextFile[] {
  return filesUnder(join(root, "src/services"), to).filter((entry) => entry.to.endsWith(".py"));
}

/** What a Go program of this repository is compiled from, tests left out, and the hash of it. */
export function goSources(folder: string): { readonly files: readonly ContextFile[]; readonly hash: string } {
  const files = filesUnder(folder, "").filter(({ to }) => !to.endsWith("_test.go"));
  const hash = createHash("sha256");
  for (const { from, to } of files) {
    hash.update(`${to}\0${createHash("sha256").update(readFileSync(from)).digest("hex")}\n`);
  }
  return { files, hash: hash.digest("hex").slice(0, 16) };
}
