import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { CheckContext, ResolvedGrant, Sample } from "../../src/model/service.ts";
import { lakeTables } from "../../src/services/prefect/tables.ts";

/** Objects by `bucket/key`, and every request that came for them. */
let objects: Map<string, { readonly text: string; readonly at: string }>;
let asked: string[];
let refused: string | undefined;
let withheld: string | undefined;
let ctx: CheckContext;

const xml = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");

/** ListObjectsV2, as MinIO answers it: at most 1,000 keys, and folders in the place of what is in them. */
function list(bucket: string, query: URLSearchParams): string {
  const prefix = query.get("prefix") ?? "";
  const delimiter = query.get("delimiter");
  const after = query.get("start-after") ?? "";
  const keys = [...objects.keys()]
    .filter((key) => key.startsWith(`${bucket}/`))
    .map((key) => key.slice(bucket.length + 1))
    .filter((key) => key.startsWith(prefix) && key > after)
    .sort();
  const folders = new Set<string>();
  const contents: string[] = [];
  for (const key of keys) {
    const end = delimiter ? key.indexOf(delimiter, prefix.length) : -1;
    if (end >= 0) folders.add(key.slice(0, end + 1));
    else contents.push(key);
  }
  const page = contents.slice(0, 1000).map((key) => {
    const { text, at } = objects.get(`${bucket}/${key}`) as { text: string; at: string };
    const etag = xml(`"${createHash("md5").update(text).digest("hex")}"`);
    return `<Contents><Key>${xml(key)}</Key><LastModified>${at}</LastModified><ETag>${etag}</ETag><Size>${text.length}</Size><StorageClass>STANDARD</StorageClass></Contents>`;
  });
  const prefixes = [...folders].map((f) => `<CommonPrefixes><Prefix>${xml(f)}</Prefix></CommonPrefixes>`);
  return `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>${bucket}</Name><IsTruncated>${contents.length > 1000}</IsTruncated>${page.join("")}${prefixes.join("")}</ListBucketResult>`;
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? "/", "http://s3");
  const [, bucket = "", ...rest] = decodeURIComponent(url.pathname).split("/");
  const key = rest.join("/");
  const code = (status: number, name: string) => {
    response.writeHead(status, { "content-type": "application/xml" });
    response.end(
      `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${name}</Code><Message>${name}</Message></Error>`,
    );
  };
  if (!request.headers.authorization?.includes("Credential=lake-key/")) code(403, "InvalidAccessKeyId");
  else if (bucket === refused) code(403, "AccessDenied");
  else if (key === "") {
    asked.push(`list ${bucket}/${url.searchParams.get("prefix") ?? ""}`);
    response.writeHead(200, { "content-type": "application/xml" });
    response.end(list(bucket, url.searchParams));
  } else {
    asked.push(`get ${bucket}/${key}`);
    const object = objects.get(`${bucket}/${key}`);
    if (!object || withheld === `${bucket}/${key}`) code(404, "NoSuchKey");
    else {
      response.writeHead(200, { "content-type": "application/octet-stream" });
      response.end(object.text);
    }
  }
}

const server = createServer(answer);
beforeEach(async () => {
  objects = new Map();
  asked = [];
  refused = undefined;
  withheld = undefined;
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  const lake: Partial<ResolvedGrant> = {
    url: `http://127.0.0.1:${port}`,
    region: "us-east-1",
    accessKey: "lake-key",
    secretKey: "lake-secret",
  };
  ctx = {
    needs: { lake: lake as ResolvedGrant },
    secrets: {},
    endpoints: {},
    stack: "dev",
    signal: AbortSignal.timeout(20_000),
  };
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
});

const writtenAt = Date.parse("2026-03-01T10:00:00Z");
const logOf = (table: string, version: number) =>
  `${table}/_delta_log/${String(version).padStart(20, "0")}.json`;
/** As delta-rs writes statistics: JSON in a text. */
const add = (path: string, size: number, rows: number | null) => ({
  add: {
    path,
    size,
    partitionValues: {},
    modificationTime: writtenAt,
    dataChange: true,
    stats: rows === null ? null : JSON.stringify({ numRecords: rows, minValues: {}, maxValues: {} }),
  },
});
const remove = (path: string) => ({ remove: { path, deletionTimestamp: writtenAt, dataChange: true } });

/** Writes a commit into the lake; `table` begins with its layer. */
function commit(table: string, version: number, ...actions: object[]): void {
  const info = { commitInfo: { timestamp: writtenAt + version * 1000, operation: "WRITE" } };
  const text = [info, ...actions].map((action) => JSON.stringify(action)).join("\n");
  objects.set(logOf(table, version), { text: `${text}\n`, at: "2026-03-01T10:00:05.123Z" });
}

const layers = ["bronze", "gold"];
/** `layer.table` -> figure -> value. */
function figures(samples: readonly Sample[]): Record<string, Record<string, number>> {
  const tables: Record<string, Record<string, number>> = {};
  for (const { name, labels, value } of samples) {
    const figure = name.replace("datalab_table_", "");
    const table = `${labels.layer}.${labels.table}`;
    tables[table] = { ...tables[table], [figure]: value };
  }
  return tables;
}
const updated = (version: number) => writtenAt / 1000 + version;
const gets = () => asked.filter((line) => line.startsWith("get"));

describe("tables of the lake", () => {
  test("an empty lake has none", async () => {
    expect(await lakeTables(layers)(ctx)).toEqual([]);
    expect(asked).toEqual(["list bronze/", "list gold/"]);
  });

  test("says version, time, files, bytes and rows of what its commits leave", async () => {
    commit(
      "bronze/flights",
      0,
      { metaData: { id: "x" } },
      add("a.parquet", 100, 10),
      add("b.parquet", 50, 5),
    );
    commit("bronze/flights", 1, remove("a.parquet"), add("c.parquet", 70, 8));
    commit("gold/by_day", 0, add("d.parquet", 7, null));
    // What is beside tables is none.
    objects.set("gold/report.html", { text: "<p>", at: "2026-03-01T10:00:00Z" });
    objects.set("gold/raw/file.csv", { text: "a,b", at: "2026-03-01T10:00:00Z" });
    expect(figures(await lakeTables(layers)(ctx))).toEqual({
      "bronze.flights": { version: 1, updated_timestamp_seconds: updated(1), bytes: 120, files: 2, rows: 13 },
      "gold.by_day": { version: 0, updated_timestamp_seconds: updated(0), bytes: 7, files: 1 },
    });
  });

  test("reads no commit twice", async () => {
    const collect = lakeTables(layers);
    for (const version of [0, 1, 2]) commit("gold/t", version, add(`${version}.parquet`, 10, 1));
    await collect(ctx);
    expect(gets()).toHaveLength(3);
    asked = [];
    expect(figures(await collect(ctx))["gold.t"]).toMatchObject({ version: 2, rows: 3 });
    expect(gets()).toEqual([]);
    commit("gold/t", 3, add("3.parquet", 10, 1));
    expect(figures(await collect(ctx))["gold.t"]).toMatchObject({ version: 3, rows: 4 });
    expect(gets()).toEqual([`get ${logOf("gold/t", 3)}`]);
  });

  test("a store that was moved or restored is not read again: its commits are the same, only written later", async () => {
    const collect = lakeTables(layers);
    for (const version of [0, 1]) commit("gold/t", version, add(`${version}.parquet`, 10, 1));
    await collect(ctx);
    for (const [key, { text }] of objects) objects.set(key, { text, at: "2026-04-01T00:00:00.000Z" });
    asked = [];
    expect(figures(await collect(ctx))["gold.t"]).toMatchObject({ version: 1, rows: 2 });
    expect(gets()).toEqual([]);
  });

  test("a table that was dropped is gone, and one made anew in its place begins anew", async () => {
    const collect = lakeTables(layers);
    for (const version of [0, 1]) commit("gold/t", version, add(`${version}.parquet`, 10, 1));
    commit("gold/other", 0, add("o.parquet", 1, 1));
    await collect(ctx);
    for (const key of [...objects.keys()]) if (key.startsWith("gold/t/")) objects.delete(key);
    expect(Object.keys(figures(await collect(ctx)))).toEqual(["gold.other"]);

    commit("gold/other", 0, add("new.parquet", 9, 90));
    expect(figures(await collect(ctx))["gold.other"]).toMatchObject({ version: 0, rows: 90, files: 1 });
    // It may have come further than the one of before, or not as far.
    for (const version of [0, 1, 2]) commit("gold/other", version, add(`n${version}.parquet`, 9, 2));
    expect(figures(await collect(ctx))["gold.other"]).toMatchObject({ version: 2, rows: 6, files: 3 });
    objects.delete(logOf("gold/other", 2));
    objects.delete(logOf("gold/other", 1));
    expect(figures(await collect(ctx))["gold.other"]).toMatchObject({ version: 0, rows: 2, files: 1 });
  });

  test("a log whose beginning was cleaned up has a version, and no figures that would be wrong", async () => {
    objects.set("gold/t/_delta_log/00000000000000000007.checkpoint.parquet", {
      text: "PAR1",
      at: "2026-03-01T10:00:00Z",
    });
    objects.set("gold/t/_delta_log/_last_checkpoint", { text: "{}", at: "2026-03-01T10:00:00Z" });
    for (const version of [7, 8]) commit("gold/t", version, add(`${version}.parquet`, 10, 1));
    expect(figures(await lakeTables(layers)(ctx))).toEqual({
      "gold.t": { version: 8, updated_timestamp_seconds: updated(8) },
    });
  });

  test("a long log is read over several runs, and says nothing before its end", async () => {
    const collect = lakeTables(layers);
    for (let version = 0; version < 450; version++)
      commit("gold/t", version, add(`${version}.parquet`, 1, 1));
    commit("gold/short", 0, add("s.parquet", 1, 1));
    expect(Object.keys(figures(await collect(ctx)))).toEqual(["gold.short"]);
    expect(Object.keys(figures(await collect(ctx)))).toEqual(["gold.short"]);
    expect(figures(await collect(ctx))["gold.t"]).toEqual({
      version: 449,
      updated_timestamp_seconds: updated(449),
      bytes: 450,
      files: 450,
      rows: 450,
    });
  });

  test("a store that refuses is an error, and what was known is not told as if it were new", async () => {
    const collect = lakeTables(layers);
    commit("gold/t", 0, add("a.parquet", 1, 1));
    await collect(ctx);
    refused = "gold";
    await expect(collect(ctx)).rejects.toThrow("AccessDenied");
    refused = undefined;
    expect(figures(await collect(ctx))["gold.t"]).toMatchObject({ version: 0, rows: 1 });
  });

  test.each([
    ["no JSON", "not json"],
    ["JSON that is no action", "7"],
    ["nothing", ""],
    ["a line that was cut off", '{"add":{"path":"a.parquet","si'],
    ["statistics that are no JSON", JSON.stringify({ add: { path: "a", size: 1, stats: "{" } })],
  ])("a table whose log holds %s is told, and the others are measured", async (_what, text) => {
    const collect = lakeTables(layers);
    commit("bronze/first", 0, add("a.parquet", 1, 1));
    commit("gold/last", 0, add("b.parquet", 2, 2));
    objects.set(logOf("bronze/middle", 0), { text, at: "2026-03-01T10:00:00Z" });
    for (const _run of ["first", "second"]) {
      const found = figures(await collect(ctx));
      expect(found["bronze.middle"]).toEqual({ unreadable: 1 });
      expect(found["bronze.first"]).toMatchObject({ version: 0, rows: 1 });
      expect(found["gold.last"]).toMatchObject({ version: 0, rows: 2 });
    }
    commit("bronze/middle", 0, add("c.parquet", 3, 3));
    expect(figures(await collect(ctx))["bronze.middle"]).toMatchObject({ version: 0, rows: 3 });
  });

  test("a commit that is broken half way counts for nothing", async () => {
    const collect = lakeTables(layers);
    commit("gold/t", 0, add("a.parquet", 1, 1));
    await collect(ctx);
    objects.set(logOf("gold/t", 1), {
      text: `${JSON.stringify(remove("a.parquet"))}\n${JSON.stringify(add("b.parquet", 5, 5))}\nbroken`,
      at: "2026-03-01T10:00:00Z",
    });
    expect(figures(await collect(ctx))["gold.t"]).toEqual({ unreadable: 1 });
    commit("gold/t", 1, add("c.parquet", 2, 2));
    expect(figures(await collect(ctx))["gold.t"]).toMatchObject({ version: 1, files: 2, rows: 3 });
  });

  test("a commit that the store lists and does not hand out is its table's trouble", async () => {
    commit("bronze/t", 0, add("a.parquet", 1, 1));
    commit("gold/t", 0, add("a.parquet", 1, 1));
    withheld = `bronze/${logOf("t", 0)}`;
    expect(figures(await lakeTables(layers)(ctx))).toEqual({
      "bronze.t": { unreadable: 1 },
      "gold.t": { version: 0, updated_timestamp_seconds: updated(0), bytes: 1, files: 1, rows: 1 },
    });
  });

  test("needs its buckets", async () => {
    await expect(lakeTables(layers)({ ...ctx, needs: {} })).rejects.toThrow("no buckets were granted");
  });
});
