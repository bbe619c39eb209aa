import { globSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { Command } from "@commander-js/extra-typings";
import { beforeAll, describe, expect, test } from "vitest";
import { type AnyCommand, addCommonOptions } from "../../src/cli/terminal/options.ts";

const root = resolve(import.meta.dirname, "../..");
const read = (path: string) => readFileSync(join(root, path), "utf8");

/**
 * Whatever tells people to run a command: documents, notebooks, pages and the texts of errors; without the
 * parts of other programs that set-up compiles, for what changes there is compiled again.
 */
const sources = [
  "{README,AGENTS}.md",
  "docs/**/*.md",
  "{src,pipelines,policy,tools,bench}/**/*.{md,ts,py,go,html,ipynb,yaml,yml,sh,tmpl}",
  "{setup.sh,datalab,.gitlab-ci.yml}",
  ".github/**/*.yml",
  "src/images/**/Dockerfile",
].flatMap((pattern) =>
  globSync(pattern, { cwd: root, exclude: (name) => /node_modules|engine\/cli\/patch/.test(name) }),
);

let program: AnyCommand;
beforeAll(async () => {
  program = new Command("datalab").version("0", "-V, --version");
  const folder = join(root, "src/cli/commands");
  for (const file of readdirSync(folder)) {
    const { register } = (await import(join(folder, file))) as { register?: (to: AnyCommand) => void };
    register?.(program);
  }
  const prepare = (command: AnyCommand): void => {
    addCommonOptions(command);
    command.commands.forEach(prepare);
  };
  prepare(program);
});

interface Mention {
  readonly line: number;
  /** Behind `datalab`, to the end of the command. */
  readonly text: string;
  /** `./datalab`, or the beginning of code: nothing but a command can follow. */
  readonly certain: boolean;
}

/** Where a command ends: code, a quoted text, the line, another program, or the sentence's own words. */
const end = /[`"'\n;#<>]|\\n| {2,}|&&| \| |, |$/;

function mentionsIn(text: string): Mention[] {
  return [...text.matchAll(/(^|[^\w/.-])(\.\/)?datalab (?=[a-z-])/gm)].map((match) => {
    const start = (match.index ?? 0) + match[0].length;
    const rest = text.slice(start);
    return {
      line: text.slice(0, start).split("\n").length,
      text: rest.slice(0, rest.search(end)),
      certain: match[2] !== undefined || match[1] === "`",
    };
  });
}

const word = /^[a-z][a-z-]*$/;
const trimmed = (token: string) => token.replace(/^[[({]+|[\])}.,:]+$/g, "");

/** What of a command line the program does not have; undefined: it has all of it. */
function wrong({ text, certain }: Mention): string | undefined {
  let command = program;
  const tokens = text.split(" ").map(trimmed);
  for (const [i, token] of tokens.entries()) {
    if (token.startsWith("-") || /^(-s|--stack)$/.test(tokens[i - 1] ?? "")) continue;
    if (command.commands.length === 0 || !token.split("|").every((each) => word.test(each))) break;
    const children = token.split("|").map((name) => command.commands.find((each) => each.name() === name));
    const [child] = children;
    if (child === undefined || children.includes(undefined)) {
      if (!certain && command === program) return undefined;
      return `no command "${token}"`;
    }
    command = child;
  }
  const known = [program, command].flatMap(({ options }) =>
    options.flatMap(({ short, long }) => [short, long]),
  );
  const flags = [...text.matchAll(/(?:^|[\s[|(])(--?[a-zA-Z][\w-]*)/g)].map(([, flag]) => flag);
  const unknown = flags.filter((flag) => !["-h", "--help", ...known].includes(flag));
  // A name may stand for the command: then it is not known whose flags these are.
  if (unknown.length === 0 || command.commands.length > 0) return undefined;
  return `no option ${unknown.join(", ")} of ${command.name()}`;
}

const problemsOf = (path: string, mentions: readonly Mention[]) =>
  mentions.flatMap((mention) => {
    const problem = wrong(mention);
    return problem === undefined ? [] : [`${path}:${mention.line}: ${problem}: ${mention.text}`];
  });

describe("every command that somebody is told to run", () => {
  test("exists, with its options", () => {
    const all = sources.map((path) => [path, mentionsIn(read(path))] as const);
    expect(all.flatMap(([, mentions]) => mentions).length).toBeGreaterThan(300);
    expect(all.flatMap(([path, mentions]) => problemsOf(path, mentions))).toEqual([]);
  });

  test("of docs/cli.md's own list, too", () => {
    const text = read("docs/cli.md");
    const found = [...text.matchAll(/\*\*`([a-z][^`]+)`\*\*/g)].map((match) => ({
      line: text.slice(0, match.index).split("\n").length,
      text: match[1]?.replaceAll("\n", " ") ?? "",
      certain: true,
    }));
    expect(found.length).toBeGreaterThan(40);
    expect(problemsOf("docs/cli.md", found)).toEqual([]);
  });

  test.each([
    ["run `./datalab secrets rotate x`", 'no command "rotate"'],
    ['"./datalab services list|halth"', 'no command "list|halth"'],
    ["`datalab upp`", 'no command "upp"'],
    ["say: datalab data drops bronze.x.", 'no command "drops"'],
    ["./datalab down --delete-all", "no option --delete-all of down"],
    ["./datalab -s qa pipelines run x [-q|--parm a=1]", "no option -q, --parm of run"],
    [
      "the datalab checkout and `./datalab --help` and `./datalab services $" + "{action} x --nothing`",
      undefined,
    ],
    ['eval "$(./datalab env)", ./datalab data drop $' + "{table} --force", undefined],
  ])("is seen in %j", (text, problem) => {
    expect(mentionsIn(text).flatMap((mention) => wrong(mention) ?? [])).toEqual(problem ? [problem] : []);
  });
});
