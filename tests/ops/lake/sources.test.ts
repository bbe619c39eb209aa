import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { afterAll, describe, expect, test } from "vitest";
import { DatalabError } from "../../../src/errors.ts";
import { findSources, isTheFiles, withSpooled } from "../../../src/ops/lake/sources.ts";

const folder = mkdtempSync(join(tmpdir(), "datalab-sources-"));
afterAll(() => rmSync(folder, { recursive: true }));
const write = (path: string, text = "a\n1\n") => {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
  return join(folder, path);
};
const names = async (...given: string[]) =>
  (await findSources(given, "t", undefined)).map(({ path }) => path.slice(folder.length + 1));

write("good/b.csv");
write("good/a.JSONL");
write("good/_SUCCESS");
write("good/.hidden");
write("deep/x.csv");
write("deep/2024/y.csv");
write("mixed/a.csv");
write("mixed/b.ods");
write("mixed/c.csv", "");
mkdirSync(join(folder, "empty"));
const odd = write("odd[1].csv");
const plain = write("no-ending");

describe("what is meant", () => {
  test("is the files of a folder by name, without what is no data", async () => {
    expect(await names(join(folder, "good"))).toEqual(["good/a.JSONL", "good/b.csv"]);
  });

  test("is what a pattern matches that the shell left alone, and each file once", async () => {
    expect(await names(join(folder, "good/*.csv"), join(folder, "good/b.csv"))).toEqual(["good/b.csv"]);
    expect(await names(odd)).toEqual(["odd[1].csv"]);
  });

  test("is one file of any name", async () => {
    expect(await names(plain)).toEqual(["no-ending"]);
    expect(await findSources([join(folder, "mixed/a.csv"), plain], "t", "csv")).toHaveLength(2);
  });
});

describe("what can't be loaded is said before anything is", () => {
  const said = async (...given: string[]) => {
    const error = await findSources(given, "t", undefined).catch((thrown: DatalabError) => thrown);
    if (!(error instanceof DatalabError)) throw new Error("it was accepted");
    return {
      code: error.code,
      exitCode: error.exitCode,
      text: error.message.replaceAll(`${folder}/`, ""),
      hint: error.hint,
    };
  };

  test("all at once", async () => {
    expect(await said(join(folder, "mixed"), join(folder, "none.csv"), plain)).toEqual({
      code: "E_FILE",
      exitCode: 2,
      text: [
        "✖ mixed/b.ods: the ending of its name is none of .csv, .tsv, .txt, .json, .jsonl, .ndjson, .parquet, .pq, .xlsx, .zip; leave it out, or declare --format",
        "✖ mixed/c.csv: the file is empty",
        "✖ none.csv: the file does not exist",
        "✖ no-ending: the ending of its name is none of .csv, .tsv, .txt, .json, .jsonl, .ndjson, .parquet, .pq, .xlsx, .zip; leave it out, or declare --format",
      ].join("\n"),
      hint: "Nothing was loaded.",
    });
  });

  test.each([
    ["empty", "E_FILE", "empty: the folder has no files"],
    ["deep", "E_FILE", "deep: has folders (deep/2024); name each of them, or the files"],
    ["*.zip", "E_FILE_MISSING", "*.zip: no file matches"],
  ])("%s", async (name, code, text) => {
    expect(await said(join(folder, name))).toMatchObject({ code, exitCode: 2, text });
  });

  test("a URL, with the command that loads it", async () => {
    expect(await said("https://example.org/a.csv?x=1&y=2")).toEqual({
      code: "E_USAGE",
      exitCode: 2,
      text: "https://example.org/a.csv?x=1&y=2: expected a file, received a URL. Download it first.",
      hint: "curl -fsSL 'https://example.org/a.csv?x=1&y=2' | ./datalab data ingest - t --format csv",
    });
    expect((await said("s3://b/k.csv")).hint).toBe(
      "aws s3 cp 's3://b/k.csv' - | ./datalab data ingest - t --format csv",
    );
  });

  test("standard input beside files", async () => {
    expect((await said("-", odd)).code).toBe("E_USAGE");
  });
});

describe("standard input", () => {
  const never = new AbortController().signal;

  test("is a file of its own while it is loaded, that nobody else reads, and then is gone", async () => {
    let seen = "";
    const rows = await withSpooled(
      Readable.from([Buffer.from("a\n"), Buffer.from("1\n")]),
      "csv",
      never,
      async (path) => {
        seen = path;
        expect(basename(path)).toBe("stdin.csv");
        expect(statSync(path).mode & 0o077).toBe(0);
        return readFileSync(path, "utf8");
      },
    );
    expect(rows).toBe("a\n1\n");
    expect(existsSync(dirname(seen))).toBe(false);
  });

  test("that is interrupted, or whose load fails, leaves nothing", async () => {
    const left = () => readdirSync(tmpdir()).filter((name) => name.startsWith("datalab-stdin-"));
    const before = left();
    const cancel = new AbortController();
    const input = new PassThrough();
    input.write("a\n");
    const spooling = withSpooled(input, "csv", cancel.signal, async () => 1);
    cancel.abort();
    await expect(spooling).rejects.toMatchObject({ code: "E_INTERRUPTED" });
    const failing = withSpooled(Readable.from(["a"]), "csv", never, () => Promise.reject(new Error("no")));
    await expect(failing).rejects.toThrow("no");
    expect(left()).toEqual(before);
  });
});

test("an error of one file does not keep the others from being loaded, one of the store does", () => {
  const codes = ["E_FILE_BINARY", "E_JSON_DAMAGED", "E_PARQUET_DAMAGED", "E_SCHEMA_MISMATCH"] as const;
  expect(codes.every((code) => isTheFiles(new DatalabError(code, "m")))).toBe(true);
  const others = ["E_STORE", "E_WORKLOAD_DOWN", "E_INTERRUPTED", "E_CONTRACT_INVALID"] as const;
  expect(others.some((code) => isTheFiles(new DatalabError(code, "m")))).toBe(false);
});
