import { stripVTControlCharacters } from "node:util";
import { expect, test } from "vitest";
import { escaped, escapedLines } from "../../src/cli/terminal/output.ts";
import { rowsText } from "../../src/cli/terminal/rows.ts";
import { parseExactly } from "../../src/ops/exact-json.ts";
import type { Row } from "../../src/ops/lake/lake.ts";

const shown = async (json: string) => {
  const { text, cut } = await rowsText(parseExactly(json) as Row[]);
  return { lines: stripVTControlCharacters(text).split("\n"), cut };
};

test("NULL, an empty text, texts and numbers can be told from each other", async () => {
  expect(
    await shown(
      '[{"a":null,"n":1},{"a":"","n":null},{"a":"NULL","n":12345678901234567890},{"a":"NaN","n":-2.5}]',
    ),
  ).toEqual({
    lines: [
      "a                        n",
      "∅                        1",
      "                         ∅",
      "NULL  12345678901234567890",
      "NaN                   -2.5",
    ],
    cut: 0,
  });
});

test("integers inside of lists and structs keep their digits", async () => {
  const { lines } = await shown('[{"l":[9007199254740993,null],"s":{"a":9007199254740993}}]');
  expect(lines[1]).toBe('[9007199254740993,null]  {"a":9007199254740993}');
});

test("nothing in a value or a column's name reaches the terminal as more than text", async () => {
  const row = {
    "\u001b[31mred": "\u001b[31mred\u001b[0m\t1\r\n",
    b: "\u009b2J\u007f",
    c: "abc\u202edef",
    d: ["\u001b[1m"],
  };
  const { text } = await rowsText([row]);
  const own = stripVTControlCharacters(text);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that there is none
  expect(own).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
  expect(own.split("\n")[0]).toMatch(/^\\x1b\[31mred/);
  for (const each of ["\\x1b[31mred\\x1b[0m\\t1\\r\\n", "\\x9b2J\\x7f", "abc\\u202edef", '["\\u001b[1m"]']) {
    expect(own).toContain(each);
  }
});

test("what is cut is counted, and never in the middle of a character", async () => {
  const { lines, cut } = await shown(JSON.stringify([{ a: `${"x".repeat(58)}😀😀` }, { a: "y".repeat(60) }]));
  expect(lines.slice(1)).toEqual([`${"x".repeat(58)}…`, "y".repeat(60)]);
  expect(cut).toBe(1);
});

test("an error keeps its lines and no colours of what it quotes", () => {
  expect(escapedLines("one\n\u001b[31mtwo\r")).toBe("one\n\\x1b[31mtwo\\r");
  expect(escaped("a\nb")).toBe("a\\nb");
});
