import { once } from "node:events";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { uploadTo } from "../../../src/ops/lake/upload.ts";

/** A store of uploads in parts, which notes what is asked of it. */
async function storeOfParts(onPart: () => void) {
  const asked: string[] = [];
  const server = createServer(async (request, response) => {
    for await (const chunk of request) void chunk;
    const { searchParams } = new URL(request.url ?? "", "http://s3");
    const what = searchParams.has("uploads") ? "begin" : searchParams.has("partNumber") ? "part" : "";
    const of = searchParams.get("uploadId");
    asked.push([request.method, what, of].filter(Boolean).join(" "));
    if (what === "part") onPart();
    response.statusCode = request.method === "HEAD" ? 404 : request.method === "DELETE" ? 204 : 200;
    response.setHeader("etag", '"x"');
    const xml = "<InitiateMultipartUploadResult><UploadId>U</UploadId></InitiateMultipartUploadResult>";
    response.end(what === "begin" ? xml : undefined);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { asked, store: { url, region: "us-east-1", accessKey: "a", secretKey: "b" } };
}

function file(bytes: number): string {
  const folder = mkdtempSync(join(tmpdir(), "datalab-upload-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "large.csv");
  writeFileSync(path, "");
  truncateSync(path, bytes);
  return path;
}

test("an upload that is interrupted leaves no parts in the store", async () => {
  const cancel = new AbortController();
  const { asked, store } = await storeOfParts(() => cancel.abort());
  const upload = uploadTo(store, file(160 * 1024 * 1024), "t", { signal: cancel.signal });
  await expect(upload).rejects.toMatchObject({ code: "E_INTERRUPTED", exitCode: 130 });
  expect(asked.slice(0, 2)).toEqual(["HEAD", "POST begin"]);
  expect(asked.at(-1)).toBe("DELETE U");
  expect(asked.filter((each) => each === "PUT part U").length).toBeLessThan(10);
}, 30_000);

test("an upload that is interrupted while the file is read asks nothing of the store", async () => {
  const cancel = new AbortController();
  const { asked, store } = await storeOfParts(() => {});
  const onHash = () => cancel.abort();
  const upload = uploadTo(store, file(32 * 1024 * 1024), "t", { signal: cancel.signal, onHash });
  await expect(upload).rejects.toMatchObject({ code: "E_INTERRUPTED" });
  expect(asked).toEqual([]);
});
