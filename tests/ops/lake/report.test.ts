import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, onTestFinished, test } from "vitest";
import { fetchReport, pipelineWithReport } from "../../../src/ops/lake/report.ts";
import { platform } from "../fixture-platform.ts";

const pipeline = (name: string, report?: true) => ({
  ...{ name, summary: "s", version: "v", schedule: "daily", paused: false },
  ...(report && { report }),
});
const withPipelines = (...pipelines: ReturnType<typeof pipeline>[]) => ({ ...platform(), pipelines });

test("a report is that of the pipeline that is named", () => {
  expect(pipelineWithReport(withPipelines(pipeline("a", true)), "b")).toBe("b");
});

test("a report is that of the only pipeline that declares one", () => {
  expect(pipelineWithReport(withPipelines(pipeline("a"), pipeline("b", true)))).toBe("b");
});

test("a report of none of several has to be named", () => {
  const several = withPipelines(pipeline("a", true), pipeline("b"), pipeline("c", true));
  expect(() => pipelineWithReport(several)).toThrow(
    /^expected the name of a pipeline, received none: a, c write reports\.$/,
  );
});

test("a report that no pipeline declares is no pipeline's", () => {
  expect(() => pipelineWithReport(withPipelines(pipeline("a")))).toThrow(
    /^No pipeline of dev declares that it writes a report\.$/,
  );
});

describe("a report is fetched", () => {
  const folder = mkdtempSync(join(tmpdir(), "datalab-report-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const credentials = { value: () => "b", external: () => "" };

  /** Fetches it from a store that answers so; closed: from none. */
  async function fetchFrom(status: number | "closed", file: string, body = "<html>") {
    const server = createServer((_, response) => response.writeHead(status as number).end(body));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    onTestFinished(() => void server.close());
    if (status === "closed") server.close();
    const names = ["artifacts"];
    const bucket = { url, region: "us-east-1", accessKey: "a", secret: "s3/root", names };
    const lake = { workload: "w", instance: "i", command: ["tool"], bucket };
    const deployed = { ...platform(), tools: { lake } };
    return fetchReport(deployed, credentials, "p", file).catch((error) => ({
      code: error.code,
      message: error.message.replace(url, "URL").replaceAll(folder, "F"),
      hint: error.hint?.replaceAll(folder, "F"),
    }));
  }

  test("into its file", async () => {
    expect(await fetchFrom(200, join(folder, "r.html"))).toBe(6);
    expect(readFileSync(join(folder, "r.html"), "utf8")).toBe("<html>");
  });

  test.each<[number | "closed", string, RegExp]>([
    ["closed", "E_STORE_UNREACHABLE", /^The object store at URL does not answer \(ECONNREFUSED\)\.$/],
    [502, "E_STORE_UNREACHABLE", /^The object store at URL does not answer \(HTTP 502\)\.$/],
    [403, "E_STORE_LOGIN", /^The object store refused/],
    [400, "E_STORE", /^The download failed: /],
  ])(
    "or not, where the store is %s",
    async (status, code, message) => {
      const file = join(folder, "no.html");
      expect(await fetchFrom(status, file)).toMatchObject({ code, message: expect.stringMatching(message) });
      expect(existsSync(file)).toBe(false);
    },
    20_000,
  );

  test("only into a folder that is there, which is looked at first", async () => {
    expect(await fetchFrom("closed", join(folder, "a/b/r.html"))).toEqual({
      code: "E_FILE_ACCESS",
      message: "F/a/b/r.html: the folder F/a/b does not exist",
      hint: "mkdir -p F/a/b",
    });
    expect(await fetchFrom("closed", folder)).toEqual({
      code: "E_FILE_ACCESS",
      message: "F: expected a file, it is a folder",
      hint: "--out F/report.html",
    });
  });
});
