import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import { cores, median } from "./measure.ts";

const folder = join(import.meta.dirname, "../data");

/** Where and of what a benchmark's figures are. */
export const machine = {
  cpu: cpus()[0]?.model ?? "unknown",
  cores,
  memoryGiB: Math.round(totalmem() / 2 ** 30),
} as const;

/** Keeps every figure of a run in bench/data, with the machine and the commit; returns the file's path. */
export function record(name: string, data: Readonly<Record<string, unknown>>): string {
  const at = new Date().toISOString();
  const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${name}-${at.slice(0, 16).replace(":", "")}.json`);
  writeFileSync(file, `${JSON.stringify({ at, machine, commit, ...data }, undefined, 1)}\n`);
  return file;
}

/** "24.4 (22.4–27.8)": the median, the least and the most of some seconds. */
export const spread = (seconds: readonly number[]): string =>
  seconds.length === 0
    ? "–"
    : `${median(seconds).toFixed(1)} (${Math.min(...seconds).toFixed(1)}–${Math.max(...seconds).toFixed(1)})`;
