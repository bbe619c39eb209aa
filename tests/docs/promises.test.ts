/** Every promise has a test that holds it: docs/promises.md names both. */
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const read = (path: string) => readFileSync(join(root, path), "utf8");
/** As people read it: one blank for each break of a line. */
const flat = (text: string) => text.replace(/\s+/g, " ").trim();

const rows = read("docs/promises.md")
  .split("\n")
  .flatMap((line) => {
    const [, where, promise, path, title] = /^\| (\S+) \| (.+) \| `([^`]+)`: (.+) \|$/.exec(line) ?? [];
    return where && promise && path && title ? [{ where, promise, path, title }] : [];
  });

/** Items of a list that begins after these words: `- ` or `1. `, with the lines that go on with them. */
function itemsAfter(path: string, start: string, bullet: RegExp): string[] {
  const [, list = ""] = read(path).split(start);
  const items: string[] = [];
  for (const line of list.trimStart().split("\n")) {
    if (bullet.test(line)) items.push(line);
    else if (/^\s+\S/.test(line) && items.length > 0) items.push(`${items.pop()} ${line}`);
    else if (line !== "" || items.length > 0) break;
  }
  return items.map(flat);
}

const guarantees: Readonly<Record<string, readonly string[]>> = {
  "README.md": itemsAfter("README.md", "These guarantees are tested on real containers:\n", /^- /),
  "AGENTS.md": itemsAfter("AGENTS.md", "## Invariants\n", /^\d+\. /),
  "docs/medallion.md": itemsAfter(
    "docs/medallion.md",
    "A file lands at `s3://bronze/_landing/<table>/<sha256>/<file name>` and is appended to `bronze.<table>` in one\ncommit.\n",
    /^- /,
  ),
};

test("the lists of guarantees are found", () => {
  expect(Object.values(guarantees).map(({ length }) => length)).toEqual([6, 11, 7]);
  const lines = read("docs/promises.md")
    .split("\n")
    .filter((line) => /^\| (?!where|---)/.test(line));
  expect(rows).toHaveLength(lines.length);
});

describe.each(Object.entries(guarantees))("%s", (where, items) => {
  test.each(items)("%s", (item) => {
    const held = rows.filter((row) => row.where === where && item.includes(flat(row.promise)));
    expect(held, `docs/promises.md has no line with a part of: ${item}`).not.toEqual([]);
  });
});

test.each(rows)("$where: $promise", ({ where, promise, path, title }) => {
  expect(flat(read(where))).toContain(flat(promise));
  expect(existsSync(join(root, path)), `${path} does not exist`).toBe(true);
  expect(read(path)).toContain(title);
});
