import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { Command } from "@commander-js/extra-typings";
import { describe, expect, test } from "vitest";
import type { AnyCommand } from "../../src/cli/terminal/options.ts";

const root = resolve(import.meta.dirname, "../..");
const read = (path: string) => readFileSync(join(root, path), "utf8");
const documents = ["AGENTS.md", "docs/architecture.md"];
const folders = ["bench", "docs", "pipelines", "policy", "src", "tests", "tools"];

/** Paths of the project that a text names in backquotes; one with a placeholder is none. */
const pathsOf = (text: string): string[] =>
  [...text.matchAll(/`([^`\s]+)`/g)]
    .map(([, path = ""]) => path)
    .filter((path) => folders.some((folder) => path.startsWith(`${folder}/`)) && !/[<>*{}]/.test(path));

describe.each(documents)("%s", (document) => {
  const text = read(document);

  test("names no file that does not exist", () => {
    const paths = pathsOf(text);
    expect(paths.length).toBeGreaterThan(20);
    expect(paths.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });

  test("finds every name where it says that it is", () => {
    const named = [...text.matchAll(/`(\w+)` in\s+`([^`\s]+)`/g)].map(([, name = "", path = ""]) => ({
      name,
      path,
    }));
    const missing = named.filter(
      ({ name, path }) => !new RegExp(`\\b(function|class|const|def) ${name}\\b`).test(read(path)),
    );
    expect(missing).toEqual([]);
  });
});

test("the walk answers with the file of each step", () => {
  const walk = read("docs/architecture.md").split("## Where it happens")[1] ?? "";
  expect(pathsOf(walk).length).toBeGreaterThan(40);
});

/** `data ingest`, ...: every command that does something. */
async function commandsOf(folder: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const walk = (command: AnyCommand, words: readonly string[], file: string): void => {
    if (command.commands.length === 0) found.set(words.join(" "), file);
    for (const child of command.commands) walk(child, [...words, child.name()], file);
  };
  for (const file of readdirSync(join(root, folder))) {
    const { register } = (await import(join(root, folder, file))) as {
      register?: (program: AnyCommand) => void;
    };
    const program: AnyCommand = new Command("datalab");
    register?.(program);
    if (register) walk(program, [], file);
  }
  return found;
}

describe("AGENTS.md, from a command to its files", () => {
  const folder = "src/cli/commands";
  const section = read("AGENTS.md").split("## From a command to its files\n")[1]?.split("\n## ")[0] ?? "";
  const rows = section
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) => line.split(" | "));
  const listed = rows.flatMap(([names = ""]) => [...names.matchAll(/`([^`]+)`/g)].map(([, name]) => name));

  test("has every command of the program once", async () => {
    const commands = await commandsOf(folder);
    expect(commands.size).toBeGreaterThan(40);
    expect([...listed].sort()).toEqual([...commands.keys()].sort());
  });

  test("has every first word of the program, and the file that it is declared in", () => {
    const words = [...read("src/cli/program.ts").matchAll(/name: "([a-z]+)",\s*summary/g)].map(([, n]) => n);
    expect([...new Set(listed.map((name) => name?.split(" ")[0]))].sort()).toEqual(words.sort());
    for (const [names = "", file = ""] of rows) {
      const path = `${folder}/${file.replaceAll("`", "")}`;
      expect(existsSync(join(root, path)), `${names}: ${path}`).toBe(true);
      const last = /([^\s`]+)`$/.exec(names)?.[1];
      expect(read(path), `${names}: ${path}`).toMatch(
        new RegExp(`command\\("${last}\\b|showLogs|registerControl`),
      );
    }
  });
});
