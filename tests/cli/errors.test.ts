import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, test, vi } from "vitest";
import { report } from "../../src/cli/terminal/errors.ts";
import { DatalabError } from "../../src/errors.ts";

const folder = mkdtempSync(join(tmpdir(), "datalab-errors-"));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => vi.restoreAllMocks());

/** What a command says that ends with this error, and its exit code. */
function said(error: unknown): { code: number; text: string } {
  let text = "";
  vi.spyOn(process.stderr, "write").mockImplementation((chunk) => {
    text += chunk;
    return true;
  });
  const code = report(error, { json: false, verbose: false });
  return { code, text: text.replaceAll(folder, "F") };
}

function thrownBy(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error("it did not fail");
}

describe("what the machine says of a path is no unexpected error", () => {
  test.each<[string, () => unknown, string]>([
    [
      "a missing folder",
      () => writeFileSync(join(folder, "a/b.html"), ""),
      "✖ F/a/b.html: the folder F/a does not exist\n  mkdir -p F/a\n",
    ],
    ["a missing file", () => readFileSync(join(folder, "x")), "✖ F/x: does not exist\n"],
    [
      "a file in a file's place",
      () => writeFileSync(join(import.meta.filename, "x"), ""),
      "a part of the path is a file, not a folder\n",
    ],
  ])("%s", (_, work, words) => {
    const { code, text } = said(thrownBy(work));
    expect(code).toBe(1);
    expect(text).toContain(words);
    expect(text).not.toContain("unexpected");
  });

  test("another user's folder is named with its owner", () => {
    const error = Object.assign(new Error("EPERM: operation not permitted, chmod '/proc/1'"), {
      ...{ code: "EPERM", syscall: "chmod", path: "/proc/1" },
    });
    vi.spyOn(process as { getuid(): number }, "getuid").mockReturnValue(4711);
    expect(said(error).text).toMatch(
      /^✖ \/proc\/1: this user may not change it\n {2}It belongs to the user with the id \d+\. Run this as that user, /,
    );
  });

  test("a program that is not there is another thing", () => {
    const error = Object.assign(new Error("spawn x ENOENT"), {
      code: "ENOENT",
      syscall: "spawn x",
      path: "x",
    });
    expect(said(error).text).toMatch(/^✖ unexpected error: spawn x ENOENT\n/);
  });
});

test("nothing that an error quotes reaches the terminal as more than text", () => {
  const error = new DatalabError("E_FILE", "a\u001b[2J\nb\u009b", { hint: "c\u0007" });
  expect(said(error).text).toBe("✖ a\\x1b[2J\nb\\x9b\n  c\\x07\n");
});
