import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { parseExactly } from "../../../src/ops/exact-json.ts";
import { lakeOf, toolResult } from "../../../src/ops/lake/lake.ts";
import { uploadTo } from "../../../src/ops/lake/upload.ts";
import { platform } from "../fixture-platform.ts";

describe("what the lake's tool printed", () => {
  const ran = (code: number | null, stdout: string, stderr = "") => ({ code, stdout, stderr });

  test("is its JSON", () => {
    expect(toolResult(ran(0, '[{"rows":1}]\n', "words"))).toEqual([{ rows: 1 }]);
  });

  test("keeps integers that JavaScript would round", () => {
    const text = '[{"id":12345678901234567890,"small":1,"float":1234567890123456.5}]';
    expect(JSON.stringify(parseExactly(text))).toBe(text);
  });

  test("is its own error, with code, hint and exit code", () => {
    const stdout =
      '{"error":{"code":"E_NO_TABLE","message":"no table gold.x","hint":"did you mean gold.y?"}}';
    expect(() => toolResult(ran(2, stdout))).toThrow(
      expect.objectContaining({
        code: "E_NO_TABLE",
        exitCode: 2,
        message: "no table gold.x",
        hint: "did you mean gold.y?",
      }),
    );
    expect(() => toolResult(ran(1, stdout))).toThrow(expect.objectContaining({ exitCode: 1 }));
  });

  test("with a code of another version is internal, and keeps its text", () => {
    const stdout = '{"error":{"code":"bad-sql","message":"the query has an error","hint":"check the SQL"}}';
    expect(() => toolResult(ran(1, stdout))).toThrow(
      expect.objectContaining({
        code: "E_INTERNAL",
        exitCode: 1,
        message: "the query has an error (bad-sql)",
        hint: "check the SQL",
      }),
    );
  });

  test("may be nothing: its last words are shown", () => {
    expect(() => toolResult(ran(1, "", "one\ntwo\n"))).toThrow("The lake's tool ended with 1.\none\ntwo");
    expect(() => toolResult(ran(0, "junk"))).toThrow("The lake's tool printed no JSON.");
    expect(() => toolResult(ran(137, ""))).toThrow(/memory limit/);
  });
});

test("a platform without a lake says so", () => {
  expect(() => lakeOf(platform())).toThrow(expect.objectContaining({ code: "E_NO_LAKE_TOOL", exitCode: 2 }));
});

describe("an upload", () => {
  const folder = mkdtempSync(join(tmpdir(), "datalab-upload-"));
  const objects = new Map<string, Buffer>();
  let server: Server;
  let puts = 0;
  let status = 200;

  /** Enough of S3 for small objects: HEAD, PUT and DELETE by path. */
  beforeAll(async () => {
    server = createServer(async (request, response) => {
      const body = Buffer.concat(await request.toArray());
      const path = decodeURIComponent(new URL(request.url ?? "", "http://s3").pathname);
      response.statusCode = status;
      if (status !== 200) return response.end();
      if (request.method === "HEAD") {
        const found = objects.get(path);
        response.statusCode = found ? 200 : 404;
        if (found) response.setHeader("content-length", found.length);
      } else if (request.method === "PUT") {
        puts++;
        objects.set(path, body);
        response.setHeader("etag", '"x"');
      } else if (request.method === "DELETE") {
        objects.delete(path);
        response.statusCode = 204;
      }
      response.end();
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true });
  });
  beforeEach(() => {
    objects.clear();
    puts = 0;
    status = 200;
  });

  const store = () => ({
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    region: "us-east-1",
    accessKey: "a",
    secretKey: "b",
  });
  function file(name: string, content: Buffer | string): string {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  }

  test("lands under the table, the content's hash and the file's name, once", async () => {
    const content = randomBytes(3_000_000);
    const path = file("flights ü.csv", content);
    const hash = createHash("sha256").update(content).digest("hex");
    const key = `_landing/flights/${hash}/flights ü.csv`;
    const done: number[] = [];
    const first = await uploadTo(store(), path, "flights", { onUpload: (bytes) => done.push(bytes) });
    expect(first).toEqual({ key, hash, bytes: content.length, skipped: false });
    expect(done.at(-1)).toBe(content.length);
    expect(objects.get(`/bronze/${key}`)?.equals(content)).toBe(true);
    expect(await uploadTo(store(), path, "flights")).toEqual({ ...first, skipped: true });
    expect(puts).toBe(1);
  });

  test("of a file that changes meanwhile leaves nothing", async () => {
    const path = file("growing.csv", "a\n");
    const onHash = () => writeFileSync(path, "b\n");
    await expect(uploadTo(store(), path, "t", { onHash })).rejects.toMatchObject({ code: "E_FILE_CHANGED" });
    expect(objects.size).toBe(0);
  });

  test("that is refused or not answered says which", async () => {
    const path = file("x.csv", "a\n");
    status = 403;
    await expect(uploadTo(store(), path, "t")).rejects.toMatchObject({ code: "E_STORE_LOGIN" });
    await expect(uploadTo({ ...store(), url: "http://127.0.0.1:1" }, path, "t")).rejects.toMatchObject({
      code: "E_STORE_UNREACHABLE",
      message: "The object store at http://127.0.0.1:1 does not answer (ECONNREFUSED).",
    });
  });
});
