import type { S3Client } from "@aws-sdk/client-s3";
import { withS3Client } from "../../model/s3-client.ts";
import type { CheckContext, Sample } from "../../model/service.ts";

/**
 * Tables of the lake as metrics, read from their Delta logs: a listing per table, and only commits that are
 * new.
 */

/** A commit's actions, as far as they are used: https://github.com/delta-io/delta/blob/master/PROTOCOL.md */
interface Action {
  readonly add?: { readonly path: string; readonly size: number; readonly stats?: string | null };
  readonly remove?: { readonly path: string };
  readonly commitInfo?: { readonly timestamp?: number };
}

/** What is known of a table, as of a version. */
export class Table {
  version = -1;
  updatedAt = 0;
  /** What tells the current version's commit from another one of its name. */
  etag = "";
  /** Whether nothing newer is known to be unread. */
  current = false;
  /** False when the log no longer reaches back to its beginning: then files of before are not known. */
  complete = true;
  readonly #files = new Map<string, { readonly bytes: number; readonly rows: number | null }>();

  /** Takes the next commit: its text, and what the store says of it. */
  apply(version: number, text: string, stored: { readonly etag: string; readonly at: number }): void {
    let writtenAt = stored.at;
    // All of it is read before any of it counts.
    const actions = text.split("\n").flatMap((line) => (line === "" ? [] : [actionOf(line)]));
    if (version === 0 && actions.length === 0) throw new UnreadableLog("its first commit is empty");
    if (version !== this.version + 1) this.complete = false;
    for (const { add, remove, commitInfo } of actions) {
      if (remove) this.#files.delete(remove.path);
      if (add) this.#files.set(add.path, { bytes: add.size, rows: rowsOf(add.stats) });
      if (commitInfo?.timestamp !== undefined) writtenAt = commitInfo.timestamp;
    }
    this.version = version;
    this.updatedAt = writtenAt;
    this.etag = stored.etag;
  }

  get bytes(): number {
    return [...this.#files.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  }
  get files(): number {
    return this.#files.size;
  }
  /** null: a file came without statistics. */
  get rows(): number | null {
    const rows = [...this.#files.values()].map((file) => file.rows);
    return rows.includes(null) ? null : rows.reduce<number>((sum, each) => sum + (each ?? 0), 0);
  }
}

function rowsOf(stats: string | null | undefined): number | null {
  if (!stats) return null;
  const { numRecords } = parsed(stats) as { numRecords?: number };
  return numRecords ?? null;
}

/** Commits that one run reads of one table; the next run goes on. */
const maxCommits = 200;
const maxTables = 300;
const commitFile = /_delta_log\/(\d{20})\.json$/;
const commitName = (version: number) => `${String(version).padStart(20, "0")}.json`;

/** Makes a collector that remembers every table's state, so that a run reads only what is new. */
export function lakeTables(layers: readonly string[]): (ctx: CheckContext) => Promise<readonly Sample[]> {
  const tables = new Map<string, Table>();

  return async ({ needs, signal }) => {
    const grant = needs.lake;
    if (!grant) throw new Error("no buckets were granted");
    return withS3Client(grant, async (client) => {
      const found = new Set<string>();
      const unreadable: string[] = [];
      for (const layer of layers) {
        const bucket = `${grant.prefix ?? ""}${layer}`;
        for (const name of await tableNames(client, bucket, signal)) {
          const id = `${layer}/${name}`;
          const table = tables.get(id) ?? new Table();
          try {
            const now = await bringUpToDate(client, bucket, name, table, signal);
            if (now.version < 0) continue;
            tables.set(id, now);
            found.add(id);
          } catch (error) {
            if (!(error instanceof UnreadableLog)) throw error;
            unreadable.push(id);
          }
        }
      }
      // What was dropped is no longer reported.
      for (const id of tables.keys()) if (!found.has(id)) tables.delete(id);
      // An old version's figures would be taken for the table's: a log that is not read to its end says
      // nothing yet.
      const known = [...tables].flatMap(([id, table]) => (table.current ? samplesOf(id, table) : []));
      return [...known, ...unreadable.map(unreadableSample)];
    });
  };
}

/** A log that is no Delta log. */
class UnreadableLog extends Error {}

function actionOf(line: string): Action {
  const action: unknown = parsed(line);
  if (typeof action !== "object" || action === null)
    throw new UnreadableLog("a line of its log is no action");
  return action;
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw new UnreadableLog("a line of its log is no JSON", { cause: error });
  }
}

/**
 * A commit's text. An object that the store has and does not hand out is its table's trouble; a store that
 * does not answer is everybody's.
 */
async function readCommit(
  client: S3Client,
  bucket: string,
  key: string,
  signal: AbortSignal,
): Promise<string> {
  const { GetObjectCommand, S3ServiceException } = await import("@aws-sdk/client-s3");
  try {
    const got = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }), {
      abortSignal: signal,
    });
    return (await got.Body?.transformToString()) ?? "";
  } catch (error) {
    const status = error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;
    if (status === undefined || status >= 500) throw error;
    throw new UnreadableLog(`the store answered ${status} for ${key}`, { cause: error });
  }
}

/** Folders of a layer's bucket: each may be a table. */
async function tableNames(client: S3Client, bucket: string, signal: AbortSignal): Promise<string[]> {
  const { ListObjectsV2Command } = await import("@aws-sdk/client-s3");
  const list = new ListObjectsV2Command({ Bucket: bucket, Delimiter: "/", MaxKeys: maxTables });
  const { CommonPrefixes = [] } = await client.send(list, { abortSignal: signal });
  return CommonPrefixes.flatMap(({ Prefix }) => Prefix?.replace(/\/$/, "") ?? []);
}

async function bringUpToDate(
  client: S3Client,
  bucket: string,
  name: string,
  known: Table,
  signal: AbortSignal,
): Promise<Table> {
  const { ListObjectsV2Command } = await import("@aws-sdk/client-s3");
  const log = `${name}/_delta_log/`;
  const list = (table: Table) =>
    client.send(
      new ListObjectsV2Command({
        Bucket: bucket,
        Prefix: log,
        // From the last known commit on, itself included: a table that was dropped and made anew starts again
        // at 0.
        ...(table.version > 0 && { StartAfter: `${log}${commitName(table.version - 1)}` }),
      }),
      { abortSignal: signal },
    );
  let table = known;
  let { Contents = [], IsTruncated = false } = await list(table);
  const here = (key: string | undefined) => key?.endsWith(commitName(table.version)) ?? false;
  const last = Contents.find(({ Key }) => here(Key));
  // By content, not by time: a store that was restored or moved has the same commits, written later.
  const rewritten = table.version >= 0 && last?.ETag !== table.etag;
  if (rewritten) {
    table = new Table();
    ({ Contents = [], IsTruncated = false } = await list(table));
  }
  const commits = Contents.flatMap(({ Key = "", LastModified, ETag = "" }) => {
    const version = Number(commitFile.exec(Key)?.[1] ?? Number.NaN);
    const stored = { etag: ETag, at: LastModified?.getTime() ?? Date.now() };
    return version > table.version ? [{ key: Key, version, stored }] : [];
  }).sort((a, b) => a.version - b.version);
  for (const { key, version, stored } of commits.slice(0, maxCommits)) {
    table.apply(version, await readCommit(client, bucket, key, signal), stored);
  }
  table.current = !IsTruncated && commits.length <= maxCommits;
  return table;
}

function labelsOf(id: string): Record<"layer" | "table", string> {
  const [layer = "", table = ""] = id.split("/");
  return { layer, table };
}

const unreadableSample = (id: string): Sample => ({
  name: "datalab_table_unreadable",
  help: "1: the table's Delta log is broken; it has no other figures.",
  labels: labelsOf(id),
  value: 1,
});

function samplesOf(id: string, table: Table): Sample[] {
  const labels = labelsOf(id);
  const sample = (what: string, help: string, value: number): Sample => ({
    name: `datalab_table_${what}`,
    help,
    labels,
    value,
  });
  return [
    sample("version", "Current version of the table.", table.version),
    sample("updated_timestamp_seconds", "When its current version was written.", table.updatedAt / 1000),
    // Files of before the first commit that is kept are not known: no figure is better than a wrong one.
    ...(table.complete
      ? [
          sample("bytes", "Bytes of the current version's files.", table.bytes),
          sample("files", "Files of the current version.", table.files),
          ...(table.rows === null ? [] : [sample("rows", "Rows of the current version.", table.rows)]),
        ]
      : []),
  ];
}
