import { globSync } from "node:fs";
import { join } from "node:path";
import type { Problem } from "../errors.ts";

/**
 * Tables that the folders of several pipelines declare: silver with its quarantine by a contract, gold by a
 * SQL file. `pipelines/datalab/layers/owners.py` has the same rule, for the registrar and the runs.
 */
export function sharedTables(folder: string, shown: string, pipelines: readonly string[]): Problem[] {
  const files = new Map<string, string[]>();
  for (const name of pipelines) {
    for (const [table, file] of declaredTables(join(folder, name))) {
      files.set(table, [...(files.get(table) ?? []), `${shown}/${name}/${file}:1:1`]);
    }
  }
  // Silver and quarantine of one pair of files are one problem.
  const told = new Set<string>();
  return [...files].flatMap(([table, [first = "", ...others]]) =>
    others.flatMap((other) => {
      const pair = `${first} ${other}`;
      if (told.has(pair)) return [];
      told.add(pair);
      return [
        {
          path: [],
          message: `expected one pipeline that owns ${table}, which ${first} declares, received a second one`,
          at: other,
          fix: "Keep the file in one of the two pipelines, or give the table another name.",
        },
      ];
    }),
  );
}

function declaredTables(folder: string): Map<string, string> {
  const tables = new Map<string, string>();
  const stems = (pattern: string) =>
    globSync(pattern, { cwd: folder })
      .map((file) => file.replaceAll("\\", "/"))
      .sort()
      .map((file) => [file.replace(/^.*\/|\.[a-z]+$/g, ""), file] as const);
  for (const [table, file] of stems("contracts/*.yaml")) {
    for (const name of [`silver.${table}`, `silver.${table}_quarantine`]) {
      if (!tables.has(name)) tables.set(name, file);
    }
  }
  for (const [table, file] of stems("gold/*.sql")) tables.set(`gold.${table}`, file);
  return tables;
}
