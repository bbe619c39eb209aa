import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { kindOf } from "../../tools/linters/wrap.ts";
import { type Kind, limit, wrap } from "../../tools/linters/wrap-text.ts";

const sentence =
  "One two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen.";
const long = `${sentence} ${sentence}`;
const wrapped = (text: string, kind: Kind) => wrap(text, kind).wrapped.split("\n");
const isUnchanged = (text: string, kind: Kind) => {
  const { findings, wrapped } = wrap(text, kind);
  expect(findings).toEqual([]);
  expect(wrapped).toBe(text);
};

describe("comments", () => {
  test("a line that is too wide is found, with its number and width", () => {
    expect(wrap(`const a = 1;\n// ${long}\n`, "slash").findings).toEqual([
      { line: 2, width: long.length + 3 },
    ]);
  });

  test("a line of exactly the limit is right, one more character is not", () => {
    const text = `// ${"ab ".repeat(35)}cd`;
    expect(text).toHaveLength(limit);
    isUnchanged(text, "slash");
    expect(wrap(`${text}e`, "slash").findings).toEqual([{ line: 1, width: limit + 1 }]);
  });

  test("its paragraph is filled anew, the one after it stays", () => {
    expect(wrapped(`  // ${long}\n  // End.\n  //\n  // Another.`, "slash")).toEqual([
      `  // ${sentence} One two`,
      "  // three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen. End.",
      "  //",
      "  // Another.",
    ]);
  });

  test("a documentation comment of one line becomes one of several", () => {
    expect(wrapped(`  /** ${long} */`, "slash")).toEqual([
      "  /**",
      `   * ${sentence} One two`,
      "   * three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen.",
      "   */",
    ]);
  });

  test("list items and labels keep their hanging indentation", () => {
    expect(wrapped(`/**\n * - ${long}\n *   Calls    ${long}\n */`, "slash")).toEqual([
      "/**",
      ` * - ${sentence} One two`,
      " *   three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen.",
      " *   Calls    One two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen",
      " *            sixteen. One two three four five six seven eight nine ten eleven twelve thirteen fourteen",
      " *            fifteen sixteen.",
      " */",
    ]);
  });

  test("a comment behind code that it makes too wide goes above it", () => {
    expect(wrapped(`  const a = 1; // ${sentence} End.`, "slash")).toEqual([
      `  // ${sentence} End.`,
      "  const a = 1;",
    ]);
    expect(wrapped(`x: 1 # ${sentence} The end is here.`, "hash")).toEqual([
      `# ${sentence} The end is`,
      "# here.",
      "x: 1",
    ]);
  });

  test("what looks like a comment in a template is code", () => {
    isUnchanged(`const a = \`\${b({ c: "}" })} {\n// ${long}\n\`;`, "slash");
    isUnchanged(`const a = \`\n/** ${long} */\n\`;`, "slash");
    expect(wrap(`const a = /[\`"'/]/;\n// ${long}`, "slash").findings).toHaveLength(1);
  });

  test("tools' own comments, URLs, single words and wide code stay", () => {
    isUnchanged(`// biome-ignore lint/x: ${long}`, "slash");
    isUnchanged(`# shellcheck disable=SC2016 # ${long}`, "hash");
    isUnchanged(`// See https://example.com/${"a".repeat(100)} for more.`, "slash");
    isUnchanged(`# ${"a".repeat(120)}`, "hash");
    isUnchanged(`const a = "${long}";`, "slash");
    isUnchanged(`#!/bin/sh ${long}`, "hash");
  });
});

describe("Markdown", () => {
  test("paragraphs and list items are wrapped", () => {
    expect(wrapped(`${long}\n\n1. ${long}\n   More.\n- b`, "markdown")).toEqual([
      `${sentence} One two`,
      "three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen.",
      "",
      `1. ${sentence} One two`,
      "   three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen. More.",
      "- b",
    ]);
  });

  test("a code span stays in one piece, and no line begins with what Markdown reads as a list", () => {
    expect(wrapped(`${sentence} \`./datalab up\` ends.`, "markdown")).toEqual([
      sentence,
      "`./datalab up` ends.",
    ]);
    expect(wrapped(`${sentence} 1234 56 - end of the line`, "markdown")[1]).toBe("end of the line");
  });

  test("tables, code, headings and comments stay", () => {
    isUnchanged(
      `| ${long} |\n\n\`\`\`sh\n${long}\n\`\`\`\n\n    ${long}\n\n# ${long}\n\n<!-- ${long}\n${long} -->`,
      "markdown",
    );
  });

  test("what was wrapped is not wrapped again", () => {
    for (const kind of ["markdown", "slash", "hash"] as const) {
      const text = kind === "markdown" ? `- ${long}` : kind === "slash" ? `/** ${long} */` : `# ${long}`;
      isUnchanged(wrap(text, kind).wrapped, kind);
    }
  });
});

test("files are read by their name, or by their first line", () => {
  const kinds = (paths: Record<string, string>) =>
    Object.entries(paths).map(([path, text]) => kindOf(path, text));
  expect(
    kinds({
      "README.md": "",
      "a/b.ts": "",
      "x.go": "",
      "src/images/base/Dockerfile": "",
      ".github/a.yml": "",
    }),
  ).toEqual(["markdown", "slash", "slash", "hash", "hash"]);
  expect(
    kinds({
      datalab: "#!/bin/sh\n",
      "src/images/spark/slim-jars": "#!/usr/bin/env python3\n",
      "a.json": "{}",
    }),
  ).toEqual(["hash", "hash", undefined]);
  expect(kinds({ "docs/config.md": "", "tests/x/recorded/a.md": "", "requirements.lock": "" })).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});

test("the lint suite runs it", () => {
  const suite = readFileSync(join(resolve(import.meta.dirname, "../.."), "tests/run"), "utf8");
  expect(suite).toContain("node tools/linters/wrap.ts\n");
});
