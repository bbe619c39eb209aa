import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "../..");

/**
 * What a TypeScript file imports, `import()`, `export from` and types included: files by their path in the
 * repository, packages by their name.
 */
export function imports(path: string): string[] {
  const found = readFileSync(join(root, path), "utf8").matchAll(/\b(?:from|import)\s*\(?\s*"([^"]+)"/g);
  return [...found].map(([, target = ""]) => (target.startsWith(".") ? join(path, "..", target) : target));
}
