/**
 * Holds comments and Markdown prose to 110 characters: `node tools/linters/wrap.ts` lists what is wider and
 * exits with 1, `--fix` wraps it. Tables, code blocks and lines with a URL are exempt. Docstrings are ruff's
 * to check (E501).
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Kind, limit, wrap } from "./wrap-text.ts";

/** Generated files, recorded data, and files whose bytes a tool decides on. */
const exempt = /^(?:docs\/config\.md|docs\/errors\.md|bench\/data\/|bench\/s3\/results\/|LICENSE)|\/recorded\/|\.lock$/;

const names: readonly (readonly [RegExp, Kind])[] = [
  [/\.md$/, "markdown"],
  [/\.(?:ts|mjs|js|go)$/, "slash"],
  [/\.(?:py|sh|ya?ml|toml|cfg|properties|args|in)$|(?:^|\/)Dockerfile$/, "hash"],
];

/** By name; scripts without an extension by their first line. */
export function kindOf(path: string, text: string): Kind | undefined {
  if (exempt.test(path)) return undefined;
  const known = names.find(([pattern]) => pattern.test(path))?.[1];
  return known ?? (/^#!.*(?:sh|python3)\b/.test(text) ? "hash" : undefined);
}

function main(options: readonly string[]): number {
  const root = resolve(import.meta.dirname, "../..");
  const list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"];
  const files = execFileSync("git", list, { cwd: root, encoding: "utf8" }).split("\0").filter(Boolean);
  let left = 0;
  for (const file of files) {
    const path = join(root, file);
    const text = readText(path);
    const kind = text === undefined ? undefined : kindOf(file, text);
    if (text === undefined || kind === undefined) continue;
    const { findings, wrapped } = wrap(text, kind);
    if (findings.length === 0) continue;
    if (options.includes("--fix")) writeFileSync(path, wrapped);
    const remaining = options.includes("--fix") ? wrap(wrapped, kind).findings : findings;
    left += remaining.length;
    for (const found of remaining) console.log(`✖ ${file}:${found.line}: expected at most ${limit} characters, received ${found.width}`);
  }
  if (left > 0) console.log("→ node tools/linters/wrap.ts --fix");
  return left > 0 ? 1 : 0;
}

/** Undefined for what is gone or is a link to a folder. */
function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

if (import.meta.main) process.exitCode = main(process.argv.slice(2));
