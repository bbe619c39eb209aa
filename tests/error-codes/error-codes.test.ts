import { globSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { Command } from "@commander-js/extra-typings";
import { describe, expect, test } from "vitest";
import { type AnyCommand, addCommonOptions } from "../../src/cli/terminal/options.ts";
import { errorAreas, errorCodes, exitCodeOf, isErrorCode } from "../../src/error-codes/index.ts";
import { DatalabError, reportedError } from "../../src/errors.ts";
import { errorReference } from "../../src/reference/errors.ts";

const root = resolve(import.meta.dirname, "../..");
const read = (path: string) => readFileSync(join(root, path), "utf8");
const files = (...patterns: string[]) =>
  globSync(patterns, { cwd: root, exclude: ["**/node_modules/**", "pipelines/tests/**", "**/*_test.go"] })
    .filter((path) => !path.startsWith("src/error-codes/"))
    .sort();
const sources = files(
  "src/**/*.{ts,go,py}",
  "pipelines/**/*.py",
  "policy/**/*.ts",
  "tools/**/*.{ts,sh}",
  "setup.sh",
);
const documents = files("docs/*.md", "README.md", "AGENTS.md");

const entries = Object.entries(errorCodes);

/** `file: text`, for what a pattern's first group finds. */
const found = (paths: readonly string[], pattern: RegExp): { path: string; text: string }[] =>
  paths.flatMap((path) => [...read(path).matchAll(pattern)].map(([, text = ""]) => ({ path, text })));

const unknown = (paths: readonly string[], pattern: RegExp): string[] =>
  found(paths, pattern)
    .filter(({ text }) => !isErrorCode(text))
    .map(({ path, text }) => `${path}: ${text}`);

describe("every code", () => {
  test("of the sources has an entry in src/error-codes", () => {
    expect(sources).toEqual(
      expect.arrayContaining([
        "src/cli/terminal/errors.ts",
        "src/gateway/gate/guard.go",
        "pipelines/datalab/errors.py",
      ]),
    );
    expect(unknown(sources, /\b(E_[A-Z][A-Z_]*)\b/g)).toEqual([]);
  });

  test("that Python raises is one of them", () => {
    const python = sources.filter((path) => path.endsWith(".py"));
    const raised = /\bDataLabError\(\s*"([^"]*)"/g;
    expect(unknown(python, raised)).toEqual([]);
    expect(new Set(found(python, raised).map(({ text }) => text)).size).toBeGreaterThan(40);
    // A code that is put together could not be looked up here; the one that is passed on rebuilds an
    // exception.
    expect(found(python, /\bDataLabError\(\s*([^")\s][^,)]*)/g)).toEqual([
      { path: "pipelines/datalab/errors.py", text: "Exception" },
      { path: "pipelines/datalab/errors.py", text: "code" },
    ]);
  });

  test("with which the gateway refuses a request is one of them", () => {
    const go = sources.filter((path) => path.endsWith(".go"));
    const refused = /\brefusal\{[^,}]+, "([^"]*)"/g;
    expect(unknown(go, refused)).toEqual([]);
    expect(found(go, refused).length).toBeGreaterThan(15);
  });

  test("that a document names is one of them", () => {
    expect(unknown(documents, /\b(E_[A-Z][A-Z_]*)\b/g)).toEqual([]);
  });
});

describe("every entry", () => {
  test("is in one area", () => {
    expect(errorAreas.flatMap(({ codes }) => Object.keys(codes)).sort()).toEqual(
      Object.keys(errorCodes).sort(),
    );
  });

  test("is used", () => {
    const used = new Set(found(sources, /["'](E_[A-Z][A-Z_]*)["']/g).map(({ text }) => text));
    expect(Object.keys(errorCodes).filter((code) => !used.has(code))).toEqual([]);
  });

  test("says in full sentences what happened, and what to do", () => {
    const sentences = /^(?:[A-Z]|`)(?:(?!\.\.).)*[^.]\.$/;
    const wrong = entries.flatMap(([code, { meaning, fix }]) =>
      [meaning, fix]
        .filter((text) => !sentences.test(text) || text.length > 220)
        .map((text) => `${code}: ${text}`),
    );
    expect(wrong).toEqual([]);
  });

  test("names commands and options that exist", async () => {
    const program = await commandLine();
    expect(program.commands.length).toBeGreaterThan(15);
    const calls = entries.flatMap(([code, { meaning, fix }]) =>
      [...`${meaning} ${fix}`.matchAll(/`\.\/datalab ([^`]+)`/g)].map(([, words = ""]) => ({ code, words })),
    );
    expect(calls.length).toBeGreaterThan(60);
    expect(calls.filter(({ words }) => !exists(program, words))).toEqual([]);
    expect(exists(program, "data list")).toBe(false);
    expect(exists(program, "up --tomorrow")).toBe(false);
  });
});

/** The whole command line; it loads one of its words when that is asked for. */
async function commandLine(): Promise<AnyCommand> {
  const program: AnyCommand = new Command("datalab");
  for (const [, name] of read("src/cli/program.ts").matchAll(/import\("\.\/commands\/(\w+)\.ts"\)/g)) {
    const module = (await import(`../../src/cli/commands/${name}.ts`)) as {
      register(program: AnyCommand): void;
    };
    module.register(program);
  }
  return program;
}

function exists(program: AnyCommand, words: string): boolean {
  const rest = words.split(" ");
  let command = program;
  while (command.commands.length > 0) {
    const next = command.commands.find((each) => each.name() === rest[0]);
    if (next === undefined) return false;
    command = next;
    rest.shift();
  }
  addCommonOptions(command);
  const options = new Set(command.options.flatMap(({ long, short }) => [long, short]));
  return rest.every((word) => !word.startsWith("-") || options.has(word));
}

test("docs/errors.md is current: npm run docs makes it", () => {
  expect(read("docs/errors.md")).toBe(errorReference());
});

describe("an error", () => {
  test("ends as the table says, where nothing else is said", () => {
    const ends = (wanted: number) => entries.map(([code]) => code).filter((code) => exitOf(code) === wanted);
    const exitOf = (code: string) => (isErrorCode(code) ? exitCodeOf(code) : undefined);
    expect(ends(4)).toEqual(["E_LOCKED"]);
    expect(ends(130)).toEqual(["E_INTERRUPTED"]);
    expect(ends(3)).toEqual([]);
    expect(new DatalabError("E_USAGE", "m").exitCode).toBe(2);
    expect(new DatalabError("E_ENGINE", "m").exitCode).toBe(1);
    expect(new DatalabError("E_USAGE", "m", { exitCode: 1 }).exitCode).toBe(1);
  });

  test("of another program keeps a code that is known", () => {
    const error = reportedError("E_NO_TABLE", "there is no table gold.x", { hint: "did you mean gold.y?" });
    expect(error).toMatchObject({
      code: "E_NO_TABLE",
      message: "there is no table gold.x",
      hint: "did you mean gold.y?",
      exitCode: 1,
    });
  });

  test.each(["bad-sql", "E_OF_TOMORROW", "toString", ""])(
    "of another program with the code %j is internal",
    (code) => {
      const error = reportedError(code, "the query has an error", { exitCode: 2 });
      expect(error).toMatchObject({
        code: "E_INTERNAL",
        message: `the query has an error (${code})`,
        exitCode: 2,
      });
    },
  );
});
