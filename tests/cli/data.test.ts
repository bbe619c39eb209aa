import { once } from "node:events";
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { basename, delimiter, join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { platform } from "../ops/fixture-platform.ts";
import { datalab } from "./process.ts";

/** The command line before stand-ins of Pulumi, Docker (the lake's tool) and the object store. */
const folder = mkdtempSync(join(tmpdir(), "datalab-data-"));
const files = mkdtempSync(join(tmpdir(), "datalab-files-"));
let server: Server;
let objects: string[] = [];
let env: Record<string, string>;

const tool = `
const args = process.argv.slice(process.argv.indexOf("--attended") + 1);
const option = (name) => args[args.indexOf(name) + 1];
const end = (value, code = 0) => { console.log(JSON.stringify(value)); process.exit(code); };
const error = (code, message) => end({ error: { code, message, hint: "mend it" } }, 1);
process.stdin.once("data", (line) => {
  if (args[0] === "query") return console.log(JSON.parse(line).sql), process.exit(0);
  if (args[0] === "drop") {
    const plan = { table: args.at(-1), rows: 3, bytes: 2048, objects: 2, removes: ["bronze.t: 2 objects"], notes: ["silver.t stays"] };
    const reasons = args.at(-1) === "gold.owned" ? ["a pipeline makes it again"] : [];
    return end({ ...plan, reasons, removed: !args.includes("--dry-run") && (reasons.length === 0 || args.includes("--force")) });
  }
  const [, table, hash, file] = option("--key").split("/");
  if (file.startsWith("bad")) return error("E_FILE_BINARY", file + ": is not a table");
  if (file.startsWith("store")) return error("E_STORE", "the object store answered: 500");
  end({ table, file, hash, rows: 2, malformed: 0, skipped: false, version: 1 });
});
`;

function program(name: string, text: string): void {
  writeFileSync(join(folder, name), `#!${process.execPath}\n${text}`);
  chmodSync(join(folder, name), 0o755);
}

beforeAll(async () => {
  server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray());
    const path = decodeURIComponent(new URL(request.url ?? "", "http://s3").pathname);
    if (request.method === "PUT") objects.push(`${path.replace(/[0-9a-f]{64}/, "HASH")} ${body.length}`);
    response.statusCode = request.method === "PUT" ? 200 : 404;
    response.end();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const bucket = { url, region: "us-east-1", accessKey: "", secret: null, names: ["bronze", "artifacts"] };
  const lake = { workload: "prefect-worker", instance: "i", command: ["tool"], bucket };
  const output = { ...platform(), tools: { lake } };
  program(
    "pulumi",
    `console.log(process.argv.includes("output") ? ${JSON.stringify(JSON.stringify(output))} : "m".repeat(40));`,
  );
  program("docker", tool);
  env = {
    PATH: `${folder}${delimiter}${process.env.PATH}`,
    DATALAB_DOCKER: join(folder, "docker"),
    AWS_ACCESS_KEY_ID: "a",
    AWS_SECRET_ACCESS_KEY: "b",
    TMPDIR: folder,
  };
  for (const name of ["a.csv", "b.csv", "c.csv"]) writeFileSync(join(files, name), "x\n1\n2\n");
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  for (const each of [folder, files]) rmSync(each, { recursive: true });
});
beforeEach(() => {
  objects = [];
});

const lines = (text: string) =>
  text
    .replaceAll(/\[ *\d+\.\ds\]/g, "[T]")
    .replaceAll(`${files}/`, "")
    .trimEnd()
    .split("\n");

describe("several files", () => {
  test("are loaded one after the other, and summed up", async () => {
    const { code, stdout, stderr } = await datalab(["data", "ingest", files, "sales"], env);
    expect({ code, lines: lines(stdout) }).toEqual({
      code: 0,
      lines: ["a", "b", "c"].map((name) => `${name}.csv → bronze.sales: 2 rows (version 1)`),
    });
    expect(lines(stderr).at(-1)).toBe("3 of 3 files in bronze.sales, 6 rows added.");
    expect(objects).toEqual(["a", "b", "c"].map((name) => `/bronze/_landing/sales/HASH/${name}.csv 6`));
  });

  test("go on after a file that is none, and every failure is told once", async () => {
    writeFileSync(join(files, "bad.csv"), "PK");
    const given = ["a.csv", "bad.csv", "b.csv"].map((name) => join(files, name));
    const ran = await datalab(["data", "ingest", ...given, "sales"], env);
    expect({ code: ran.code, lines: lines(ran.stderr) }).toEqual({
      code: 1,
      lines: [
        "[T] upload a.csv",
        "[T] upload a.csv: 6 B",
        "[T] ingest into bronze.sales",
        "[T] ingest into bronze.sales: 2 rows",
        "[T] upload bad.csv",
        "[T] upload bad.csv: 2 B",
        "[T] ingest into bronze.sales",
        "[T] ingest into bronze.sales: failed",
        "[T] upload b.csv",
        "[T] upload b.csv: 6 B",
        "[T] ingest into bronze.sales",
        "[T] ingest into bronze.sales: 2 rows",
        "2 of 3 files in bronze.sales, 4 rows added, 1 failed.",
        "✖ bad.csv: is not a table (mend it)",
      ],
    });
    const json = await datalab(["data", "ingest", ...given, "sales", "--json"], env);
    expect(json.code).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({
      table: "sales",
      files: [{ file: "a.csv", rows: 2 }, { file: "b.csv" }],
      failed: [
        {
          file: join(files, "bad.csv"),
          code: "E_FILE_BINARY",
          message: "bad.csv: is not a table",
          hint: "mend it",
        },
      ],
      untried: 0,
    });
    rmSync(join(files, "bad.csv"));
  });

  test("end where the store does", async () => {
    const store = join(files, "store.csv");
    writeFileSync(store, "x\n");
    const ran = await datalab(
      ["data", "ingest", join(files, "a.csv"), store, join(files, "b.csv"), "sales"],
      env,
    );
    expect(ran.code).toBe(1);
    expect(lines(ran.stderr).slice(-2)).toEqual([
      "1 of 3 files in bronze.sales, 2 rows added, 1 failed, 1 not tried.",
      "✖ store.csv: the object store answered: 500 (mend it)",
    ]);
    rmSync(store);
  });
});

test("one file that fails is told once", async () => {
  const bad = join(files, "bad.csv");
  writeFileSync(bad, "PK");
  const { code, stdout, stderr } = await datalab(["data", "ingest", bad, "sales"], env);
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(lines(stderr).slice(-3)).toEqual([
    "[T] ingest into bronze.sales: failed",
    "✖ bad.csv: is not a table",
    "  mend it",
  ]);
  rmSync(bad);
});

test("standard input is loaded under a name of its own, and not kept here", async () => {
  const args = ["data", "ingest", "-", "sales", "--format", "json", "--json"];
  const { code, stdout } = await datalab(args, env, '{"a":1}\n');
  expect({ code, file: JSON.parse(stdout).file }).toEqual({ code: 0, file: "stdin.json" });
  expect(objects).toEqual(["/bronze/_landing/sales/HASH/stdin.json 8"]);
  expect(readdirSync(folder).filter((name) => name.startsWith("datalab-stdin-"))).toEqual([]);
  const empty = await datalab(["data", "ingest", "-", "sales", "--format", "csv"], env, "");
  expect({ code: empty.code, last: basename(lines(empty.stderr).at(-1) ?? "") }).toEqual({
    code: 2,
    last: "stdin.csv: the file is empty",
  });
});

describe("a query", () => {
  test("gives programs every digit, and people every difference", async () => {
    const sql = '[{"n":9007199254740993,"x":"Infinity","e":"","z":null,"t":"\\u001b[31m"}]';
    const json = await datalab(["data", "query", sql, "--json"], env);
    expect(json.stdout).toBe(`${sql}\n`);
    const text = await datalab(["data", "query", sql], env);
    expect(lines(text.stdout)).toEqual([
      "               n  x         e  z  t",
      "9007199254740993  Infinity     ∅  \\x1b[31m",
    ]);
    expect(text.stderr).toBe("1 row\n");
  });

  test("says what it cuts", async () => {
    const { stderr } = await datalab(["data", "query", JSON.stringify([{ a: "x".repeat(100) }])], env);
    expect(stderr).toBe("1 value is cut; --json has all of every value\n1 row\n");
  });
});

describe("a table is dropped", () => {
  const plan = [
    "bronze.t: 3 rows, 2.0 KiB in 2 objects",
    "  removes bronze.t: 2 objects",
    "  note: silver.t stays",
  ];

  test("when that is confirmed", async () => {
    const asked = await datalab(["data", "drop", "bronze.t"], env);
    expect({ code: asked.code, stdout: asked.stdout, lines: lines(asked.stderr) }).toEqual({
      code: 2,
      stdout: "",
      lines: [...plan, "✖ Remove bronze.t? There is no terminal for the answer.", "  Pass --yes to confirm."],
    });
    const done = await datalab(["data", "drop", "bronze.t", "--yes"], env);
    expect(done).toEqual({
      code: 0,
      stdout: "Removed bronze.t (3 rows, 2.0 KiB in 2 objects).\n",
      stderr: `${plan.join("\n")}\n`,
    });
  });

  test("of a protected stack when its name is given", async () => {
    const drop = ["data", "drop", "bronze.t", "--stack", "prod", "--yes"];
    const asked = await datalab(drop, env);
    expect({ code: asked.code, lines: lines(asked.stderr).slice(3) }).toEqual({
      code: 2,
      lines: [
        "✖ prod is protected. Remove bronze.t? There is no terminal to type the name on.",
        "  Pass --confirm prod.",
      ],
    });
    const wrong = await datalab([...drop, "--confirm", "dev"], env);
    expect({ code: wrong.code, stdout: wrong.stdout }).toEqual({ code: 1, stdout: "" });
    expect((await datalab([...drop, "--confirm", "prod"], env)).stdout).toMatch(/^Removed bronze\.t /);
  });

  test("which a dry run only shows", async () => {
    const dry = await datalab(["data", "drop", "bronze.t", "--dry-run"], env);
    expect(dry).toEqual({ code: 0, stdout: `${plan.join("\n")}\n`, stderr: "" });
    const json = await datalab(["data", "drop", "bronze.t", "--dry-run", "--json"], env);
    expect(JSON.parse(json.stdout)).toMatchObject({ table: "bronze.t", removed: false });
  });

  test("that a pipeline owns by force alone", async () => {
    const refused = await datalab(["data", "drop", "gold.owned", "--yes"], env);
    expect(refused).toEqual({
      code: 2,
      stdout: "",
      stderr:
        "✖ gold.owned was not removed: a pipeline makes it again.\n" +
        "  To remove it nevertheless: ./datalab data drop gold.owned --force\n",
    });
    const forced = await datalab(["data", "drop", "gold.owned", "--yes", "--force", "--json"], env);
    expect(JSON.parse(forced.stdout)).toMatchObject({ table: "gold.owned", removed: true });
  });
});
