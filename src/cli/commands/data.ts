import { DatalabError } from "../../errors.ts";
import { formatBytes } from "../../model/units.ts";
import { type Ingested, lakeTool, type Row, type TableDetails, type TableInfo } from "../../ops/lake/lake.ts";
import { checkFile, checkTableName } from "../../ops/lake/upload.ts";
import { readPlatformAndCredentials } from "../../ops/services/credentials.ts";
import { readPlatform } from "../../ops/services/platform.ts";
import { type AnyCommand, type Context, contextOf, examples, wholeNumber } from "../terminal/options.ts";
import { ago, type Cell, onStdout, print, printJson, say, show, table } from "../terminal/output.ts";
import { createBar, createReporter } from "../terminal/progress.ts";
import { registerMigrateStore } from "./migrate-store.ts";

const formats = ["csv", "jsonl", "parquet"];
const layers = ["bronze", "silver", "gold"];
/** More rows are no longer read by people; --json has all of them. */
const maxRows = 1000;
const widest = 60;

export function register(program: AnyCommand): void {
  const data = program.command("data").description("Ingest files, list, show and query tables.");

  const ingest = data
    .command("ingest")
    .argument("<file>", "CSV, JSON lines or Parquet")
    .argument("<table>", "name of the bronze table, such as flights")
    .description("Load a file into a bronze table as it is. The same content again changes nothing.")
    .option(
      "--format <format>",
      `${formats.join(", ")}; by the file's name and content when not given`,
      formatName,
    )
    .option("--delimiter <character>", "of a CSV file; or the word tab; found out when not given")
    .option("--encoding <name>", "such as cp1252; found out when not given")
    .option("--no-header", "the first line of the CSV file is data")
    .action(async (file, name, options, command) => {
      const context = contextOf(command);
      const declared = (["format", "delimiter", "encoding"] as const).flatMap((key) =>
        options[key] === undefined ? [] : [`--${key}`, options[key]],
      );
      if (!options.header) declared.push("--no-header");
      show(context.json, await ingestFile(context, file, name, declared), (result) => {
        const from = `${result.file} → bronze.${result.table}`;
        if (result.skipped) return `${from}: already there, nothing changed (version ${result.version})`;
        const bad = result.malformed > 0 ? `, ${result.malformed} of them malformed` : "";
        return `${from}: ${rowCount(result.rows)}${bad} (version ${result.version})`;
      });
    });
  examples(ingest, [
    ["./datalab data ingest flights.csv flights", "into bronze.flights"],
    ["./datalab data ingest old.txt sales --delimiter ';' --encoding cp1252", "when it can't be found out"],
  ]);

  const list = data
    .command("list-tables")
    .description("Every table of the lake.")
    .option("-l, --layer <layer>", `only this layer: ${layers.join(", ")}`, layerName)
    .action(async (options, command) => {
      const context = contextOf(command);
      const args = options.layer ? ["--layer", options.layer] : [];
      const tables = await (await connect(context)).run<TableInfo[]>(["list-tables", ...args]);
      if (context.json) return printJson(tables);
      if (tables.length === 0) return say("No tables yet. ./datalab data ingest FILE TABLE makes one.");
      const head = ["table", "rows", "columns", "version", "size", "updated"];
      const rows = tables.map((t) => [
        `${t.layer}.${t.name}`,
        ...[t.rows, t.columns, t.version, formatBytes(t.bytes), ago(t.updated)],
      ]);
      print(await table(head, rows));
    });
  examples(list, [
    ["./datalab data list-tables", "all layers"],
    ["./datalab data list-tables --layer gold --json", "for programs"],
  ]);

  const details = data
    .command("show")
    .argument("<table>", "layer.name, such as silver.flights")
    .description("Columns, history and first rows of a table.")
    .option("-n, --limit <rows>", "how many rows", wholeNumber("--limit", 0), 20)
    .action(async (name, options, command) => {
      const context = contextOf(command);
      const tool = await connect(context);
      const found = await tool.run<TableDetails>(["show", "--limit", String(options.limit), "--", name]);
      if (context.json) printJson(found);
      else print(await detailsText(found));
    });
  examples(details, [["./datalab data show silver.flights --limit 5", "with its first five rows"]]);

  const report = data
    .command("report")
    .argument("[pipeline]", "whose report; needed where several pipelines write one")
    .description("Fetch the latest HTML report of a pipeline.")
    .option("-o, --out <file>", "where to write it", "report.html")
    .action(async (pipeline, options, command) => {
      const { project, stack, json } = contextOf(command);
      const [{ fetchReport, pipelineWithReport }, { platform, credentials }] = await Promise.all([
        import("../../ops/lake/report.ts"),
        readPlatformAndCredentials(project, stack),
      ]);
      const name = pipelineWithReport(platform, pipeline);
      const bytes = await fetchReport(platform, credentials, name, options.out);
      show(json, { file: options.out, bytes }, () => `Wrote ${options.out} (${formatBytes(bytes)}).`);
    });
  examples(report, [["./datalab data report --out report.html", "then open it in a browser"]]);

  const query = data
    .command("query")
    .argument("<sql>", "DuckDB SQL; - reads it from standard input")
    .description("Query the lake. Tables are bronze.NAME, silver.NAME, gold.NAME.")
    .action(async (sql, _options, command) => {
      const context = contextOf(command);
      const text = sql === "-" ? await readInput() : sql;
      if (text.trim() === "") throw usage("expected SQL, received nothing");
      const rows = await (await connect(context)).run<Row[]>(["query"], text);
      if (context.json) return printJson(rows);
      print(await rowsText(rows.slice(0, maxRows)));
      const more = rows.length > maxRows ? `, the first ${maxRows} are shown; --json has all` : "";
      say(`${rowCount(rows.length)}${more}`);
    });
  examples(query, [
    ['./datalab data query "select carrier, count(*) from silver.flights group by all"', "a table"],
    ["./datalab data query --json - < report.sql", "from a file, for programs"],
  ]);
  registerMigrateStore(data);
}

function formatName(text: string): string {
  if (formats.includes(text)) return text;
  throw usage(`--format: expected one of ${formats.join(", ")}, received ${JSON.stringify(text)}`);
}

async function connect({ project, stack, verbose }: Context) {
  return lakeTool(await readPlatform(project, stack), verbose ? { onOutput: say } : {});
}

async function ingestFile(
  context: Context,
  file: string,
  name: string,
  declared: readonly string[],
): Promise<Ingested> {
  // What is wrong with the words is said before anything is asked of the platform.
  checkTableName(name);
  const bytes = await checkFile(file);
  const reading = readPlatformAndCredentials(context.project, context.stack);
  const [{ uploadFile }, { platform, credentials }] = await Promise.all([
    import("../../ops/lake/upload.ts"),
    reading,
  ]);
  const reporter = createReporter();
  const size = formatBytes(bytes);
  // On a terminal the bar stands where the step will; elsewhere the step says that the upload is under way.
  const bar = await createBar(`upload ${file}`, bytes);
  const sending = bar ? undefined : reporter.step(`upload ${file}`);
  const upload = await uploadFile(platform, credentials, file, name, {
    onUpload: (done) => bar?.update(done),
  })
    .catch((error: unknown) => {
      sending?.fail();
      throw error;
    })
    .finally(() => bar?.stop());
  (sending ?? reporter.step(`upload ${file}`)).done(upload.skipped ? `${size}, there already` : size);
  const step = reporter.step(`ingest into bronze.${name}`);
  try {
    const tool = lakeTool(platform, { onOutput: (line) => step.update(line) });
    const result = await tool.run<Ingested>(["ingest", "--table", name, "--key", upload.key, ...declared]);
    step.done(result.skipped ? "nothing changed" : rowCount(result.rows));
    return result;
  } catch (error) {
    step.fail();
    throw error;
  } finally {
    reporter.close();
  }
}

async function detailsText(found: TableDetails): Promise<string> {
  const { layer, name, rows, bytes, version, updated, columns, history, sample } = found;
  const title = onStdout("bold", `${layer}.${name}`);
  const parts = [
    `${title}: ${rowCount(rows)}, ${formatBytes(bytes)}, version ${version}, updated ${ago(updated)}`,
    await table(
      ["column", "type"],
      columns.map((column) => [column.name, column.type]),
    ),
    await table(
      ["version", "when", "operation", "rows"],
      history.map((entry) => [entry.version, ago(entry.timestamp), entry.operation, entry.rows]),
    ),
  ];
  if (sample.length > 0) parts.push(await rowsText(sample));
  return parts.join("\n\n");
}

async function rowsText(rows: readonly Row[]): Promise<string> {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  if (names.length === 0) return "";
  return table(
    names,
    rows.map((row) => names.map((name) => cell(row[name]))),
  );
}

function cell(value: unknown): Cell {
  if (value === undefined || value === null || typeof value === "number" || typeof value === "boolean") {
    return value as Cell;
  }
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > widest ? `${text.slice(0, widest - 1)}…` : text;
}

const rowCount = (rows: number): string => `${rows} ${rows === 1 ? "row" : "rows"}`;

function layerName(text: string): string {
  if (layers.includes(text)) return text;
  throw usage(`--layer: expected one of ${layers.join(", ")}, received ${JSON.stringify(text)}`);
}

function usage(message: string): DatalabError {
  return new DatalabError("E_USAGE", message);
}

async function readInput(): Promise<string> {
  process.stdin.setEncoding("utf8");
  return (await process.stdin.toArray()).join("");
}
