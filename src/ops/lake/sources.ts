import { createWriteStream } from "node:fs";
import { glob, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { DatalabError } from "../../errors.ts";
import { checkFile } from "./upload.ts";

/** Endings of files that can be loaded; the lake's tool detects the format by name and content. */
const endings = [".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".parquet", ".pq", ".xlsx", ".zip"];
/** Endings behind those of packed files. */
const packed = /\.(gz|zst|bz2|xz)$/;
const url = /^([a-z][a-z0-9+.-]+):\/\//i;
const wildcard = /[*?[]/;

export interface Source {
  readonly path: string;
  readonly bytes: number;
}

/**
 * The files that are meant, each folder's and pattern's in the order of their names. Every problem is thrown
 * at once, before anything is loaded.
 * @param format what the files are declared to be; without it, several files need a known ending
 */
export async function findSources(
  given: readonly string[],
  table: string,
  format: string | undefined,
): Promise<Source[]> {
  const problems: DatalabError[] = [];
  const noting = async <T>(work: () => Promise<T>, otherwise: T): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof DatalabError)) throw error;
      problems.push(error);
      return otherwise;
    }
  };
  const paths: string[] = [];
  for (const word of given) paths.push(...(await noting(() => pathsOf(word, given, table), [])));
  const files = [...new Set(paths)];
  const isSingle = given.length === 1 && files.length === 1 && files[0] === given[0];
  const sources: Source[] = [];
  for (const path of files) {
    await noting(async () => {
      const bytes = await checkFile(path);
      if (!isSingle && format === undefined && !isKnown(path)) {
        throw new DatalabError(
          "E_FILE",
          `${path}: the ending of its name is none of ${endings.join(", ")}; leave it out, or declare --format`,
        );
      }
      sources.push({ path, bytes });
    }, undefined);
  }
  const [first, ...others] = problems;
  if (first === undefined) return sources;
  if (others.length === 0) throw first;
  const text = problems.map((each) => `✖ ${each.message}`).join("\n");
  throw new DatalabError("E_FILE", text, { hint: "Nothing was loaded." });
}

const isKnown = (path: string): boolean => endings.includes(extname(path.toLowerCase().replace(packed, "")));

async function pathsOf(word: string, given: readonly string[], table: string): Promise<string[]> {
  if (word === "-" && given.length > 1) {
    throw new DatalabError("E_USAGE", "expected - (standard input) alone, received other files beside it");
  }
  const scheme = url.exec(word)?.[1]?.toLowerCase();
  if (scheme !== undefined) {
    const fetch = scheme.startsWith("http") ? `curl -fsSL '${word}'` : `aws s3 cp '${word}' -`;
    const known = scheme.startsWith("http") || scheme === "s3";
    throw new DatalabError("E_USAGE", `${word}: expected a file, received a URL. Download it first.`, {
      ...(known && { hint: `${fetch} | ./datalab data ingest - ${table} --format csv` }),
    });
  }
  const info = await stat(word).catch(() => undefined);
  if (info?.isDirectory()) return filesIn(word);
  if (info !== undefined || !wildcard.test(word)) return [word];
  const found: string[] = [];
  for await (const path of glob(word)) found.push(path);
  if (found.length === 0) throw new DatalabError("E_FILE_MISSING", `${word}: no file matches`);
  return found.sort(byName);
}

/** Names that begin with a dot or an underscore are no data, as for Spark and Hive. */
async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    throw new DatalabError("E_FILE", `${folder}: can't be read (${error.code})`);
  });
  const visible = entries.filter(({ name }) => !/^[._]/.test(name));
  const folders = visible.filter((entry) => entry.isDirectory()).map(({ name }) => join(folder, name));
  if (folders.length > 0) {
    throw new DatalabError(
      "E_FILE",
      `${folder}: has folders (${folders.sort(byName).join(", ")}); name each of them, or the files`,
    );
  }
  if (visible.length === 0) throw new DatalabError("E_FILE", `${folder}: the folder has no files`);
  return visible.map(({ name }) => join(folder, name)).sort(byName);
}

const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/**
 * Standard input as a file, which the upload reads twice: it is named `stdin.<format>`, also in the lake, and
 * is removed when the work is done.
 */
export async function withSpooled<T>(
  input: NodeJS.ReadableStream,
  format: string,
  signal: AbortSignal,
  work: (path: string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "datalab-stdin-"));
  try {
    const path = join(folder, `stdin.${format}`);
    await pipeline(input, createWriteStream(path, { mode: 0o600 }), { signal }).catch((error: Error) => {
      if (signal.aborted) throw new DatalabError("E_INTERRUPTED", "Interrupted. Nothing was loaded.");
      const why = `${path}: standard input can't be kept there (${error.message})`;
      throw new DatalabError("E_FILE", why, {
        hint: "TMPDIR names the folder for temporary files, which needs space for it.",
      });
    });
    return await work(path);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Codes of errors that are about one file: the next one may be good. */
export const isTheFiles = ({ code }: DatalabError): boolean =>
  /^E_(FILE|JSON|PARQUET|SCHEMA)(_|$)/.test(code);
