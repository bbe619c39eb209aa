import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import { datalab } from "./process.ts";

const folder = mkdtempSync(join(tmpdir(), "datalab-cli-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("help", () => {
  test("lists the commands on stdout and ends with 0", async () => {
    const { code, stdout, stderr } = await datalab(["--help"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    for (const name of ["platform", "services", "pipelines", "data", "secrets"]) {
      expect(stdout).toMatch(new RegExp(`^  ${name} `, "m"));
    }
    expect(stdout).toContain("Examples:");
  });

  test("is what a bare call prints", async () => {
    expect(await datalab([])).toEqual(await datalab(["--help"]));
  });

  test.each([
    ["platform", "init"],
    ["platform", "status"],
    ["services", "list"],
    ["services", "health"],
    ["services", "logs"],
    ["pipelines", "list"],
    ["pipelines", "run"],
    ["pipelines", "logs"],
    ["data", "ingest"],
    ["data", "list-tables"],
    ["data", "show"],
    ["data", "query"],
    ["secrets", "list"],
    ["secrets", "show"],
  ])("of %s %s has examples and the common options", async (...command) => {
    const { code, stdout } = await datalab([...command, "--help"]);
    expect(code).toBe(0);
    for (const part of ["Examples:", "--stack", "--json", "--yes", "--verbose"])
      expect(stdout).toContain(part);
  });

  test("the version is the package's", async () => {
    expect(await datalab(["--version"])).toEqual({ code: 0, stdout: `${packageJson.version}\n`, stderr: "" });
  });
});

describe("wrong words end with 2, on stderr, and say what was meant", () => {
  const file = join(folder, "flights.csv");
  const empty = join(folder, "empty.csv");
  writeFileSync(file, "a,b\n1,2\n");
  writeFileSync(empty, "");

  test.each([
    [["platfrom"], "✖ unknown command 'platfrom'\n  Did you mean platform?\n"],
    [["pipelines", "runn"], "✖ unknown command 'runn'\n  Did you mean run?\n"],
    [["platform", "status", "--jsn"], "✖ unknown option '--jsn'\n  Did you mean --json?\n"],
    [["platform", "status", "extra"], /^✖ too many arguments for 'status'/],
    [["data", "ingest", "x.csv"], "✖ missing required argument 'table'\n  --help shows the usage.\n"],
    [["data", "ingest", file, "Flights"], /^✖ expected a table name such as "flights", received "Flights"\n/],
    [["data", "ingest", file, `a${"b".repeat(63)}`], /^✖ expected a table name/],
    [["data", "ingest", join(folder, "none.csv"), "t"], `✖ ${folder}/none.csv: the file does not exist\n`],
    [["data", "ingest", empty, "t"], `✖ ${empty}: the file is empty\n`],
    [["data", "ingest", folder, "t"], `✖ ${empty}: the file is empty\n`],
    [["data", "ingest", join(folder, "none*.csv"), "t"], `✖ ${folder}/none*.csv: no file matches\n`],
    [["data", "ingest", "-", "t"], /^✖ --format: standard input has no name to detect it by\n/],
    [
      ["data", "ingest", "http://x/a.csv", "t"],
      /a URL. Download it first.\n {2}curl -fsSL 'http:\/\/x\/a.csv' \| /,
    ],
    [
      ["data", "ingest", file, empty, "/none.csv", "t"],
      /^✖ .*empty.csv: the file is empty\n✖ \/none.csv: the file does/,
    ],
    [["data", "ingest", "/dev/null", "t"], /^✖ \/dev\/null: expected a regular file/],
    [["data", "query", " "], "✖ expected SQL, received nothing\n"],
    [
      ["data", "list-tables", "--layer", "god"],
      /^✖ --layer: expected one of bronze, silver, gold, received "god"\n/,
    ],
    [["pipelines", "run", "x", "--param", "a"], '✖ --param: expected key=value, received "a"\n'],
    [["pipelines", "run", "x", "-p", "a=1", "-p", "a=2"], "✖ --param: a is given twice\n"],
    [["pipelines", "run", "x", "--timeout", "soon"], /^✖ --timeout: expected a duration such as "10m"/],
    [["down", "--yes", "--timeout", "0s"], /^✖ --timeout: expected a duration such as "10m", received "0s"/],
    [
      ["services", "logs", "--tail", "-1"],
      /^✖ --tail: expected a whole number of at least 0, received "-1"\n/,
    ],
    [
      ["platform", "init", "--preset", "lage"],
      '✖ --preset: expected one of lake, analytics, full, received "lage"\n  Did you mean lake?\n',
    ],
    [
      ["platform", "init", "--preset", "small"],
      '✖ --preset: expected one of lake, analytics, full, received "small"\n',
    ],
    [["--stack", "Prod!", "platform", "status"], /^✖ expected the name of a stack, received "Prod!"\n/],
    [["platform", "status", "-s", "Prod!"], /^✖ expected the name of a stack, received "Prod!"\n/],
  ])("%j", async (args, words) => {
    const { code, stdout, stderr } = await datalab(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    if (typeof words === "string") expect(stderr).toBe(words);
    else expect(stderr).toMatch(words);
  });

  test("a noun without a verb shows its help on stderr", async () => {
    const { code, stdout, stderr } = await datalab(["services"]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(/Usage: datalab services[\s\S]*✖ a command is missing/);
  });
});

describe("errors", () => {
  test("are JSON on stdout with --json, wherever it stands", async () => {
    for (const args of [
      ["data", "ingest", "/none", "t", "--json"],
      ["--json", "data", "ingest", "/none", "t"],
    ]) {
      const { code, stdout, stderr } = await datalab(args);
      expect(code).toBe(2);
      expect(JSON.parse(stdout)).toEqual({
        error: { code: "E_FILE_MISSING", message: "/none: the file does not exist", hint: null },
      });
      expect(stderr).toBe("✖ /none: the file does not exist\n");
    }
  });

  test("of usage have a code too", async () => {
    const { stdout } = await datalab(["data", "querry", "--json"]);
    expect(JSON.parse(stdout)).toEqual({
      error: { code: "E_USAGE", message: "unknown command 'querry'", hint: "Did you mean query?" },
    });
  });

  test("a missing engine is said with what to do", async () => {
    const { code, stdout, stderr } = await datalab(["platform", "status"], { PATH: folder });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toBe(
      "✖ The Pulumi CLI was not found.\n  Run this through ./datalab, which sets the path, or ./setup.sh, which installs it.\n",
    );
  });
});

test("colours appear only where they are asked for", async () => {
  const plain = await datalab(["platfrom"]);
  const forced = await datalab(["platfrom"], { FORCE_COLOR: "1" });
  const refused = await datalab(["platfrom"], { NO_COLOR: "1" });
  expect(plain.stderr).not.toContain("\u001b[");
  expect(refused.stderr).not.toContain("\u001b[");
  expect(forced.stderr).toContain("\u001b[31m✖");
});

test("a reader that goes away ends it without words", () => {
  const main = resolve(import.meta.dirname, "../../src/cli/main.ts");
  const { stderr, status } = spawnSync("sh", ["-c", `"$0" "${main}" --help | true`, process.execPath], {
    encoding: "utf8",
  });
  expect({ stderr, status }).toEqual({ stderr: "", status: 0 });
});
