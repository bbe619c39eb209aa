import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { EngineName } from "../../services/object-store.ts";
import type { BucketReport } from "../object-store/inventory.ts";

/** What a migration has to put right at its end, kept where the next call finds it if this one is killed. */
export interface Journal {
  readonly from: EngineName;
  readonly to: EngineName;
  /** Pools that were paused for it. */
  readonly pools: readonly string[];
  readonly buckets: readonly BucketReport[];
}

const path = (project: string, stack: string): string =>
  join(project, ".datalab", "migrations", `${stack}.json`);

export function readJournal(project: string, stack: string): Journal | undefined {
  const file = path(project, stack);
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Journal) : undefined;
}

export function writeJournal(project: string, stack: string, journal: Journal): void {
  const file = path(project, stack);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.new`, JSON.stringify(journal));
  renameSync(`${file}.new`, file);
}

export const forget = (project: string, stack: string): void => rmSync(path(project, stack), { force: true });
