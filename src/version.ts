import { readFileSync } from "node:fs";
import { join } from "node:path";

let known: string | undefined;

/**
 * DataLab's version, from package.json. It is read when it is asked for: the deployed bundles have no such
 * file.
 */
export function version(): string {
  known ??= (
    JSON.parse(readFileSync(join(import.meta.dirname, "../package.json"), "utf8")) as { version: string }
  ).version;
  return known;
}
