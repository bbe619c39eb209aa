import { DatalabError } from "../../errors.ts";
import { lakeLayers } from "../../model/lake-env.ts";
import { formatBytes } from "../../model/units.ts";
import {
  type Ingested,
  isReadable,
  type ListedTable,
  lakeTool,
  type Row,
  type TableDetails,
} from "../../ops/lake/lake.ts";
import { checkFile, checkTableName, type Upload } from "../../ops/lake/upload.ts";
import { runStep } from "../../ops/reporter.ts";
import { readPlatformAndCredentials } from "../../ops/services/credentials.ts";
import { readPlatform } from "../../ops/services/platform.ts";
import { type AnyCommand, type Context, contextOf, examples, wholeNumber } from "../terminal/options.ts";
import { ago, type Cell, onStdout, print, printJson, say, show, table } from "../terminal/output.ts";
import { createBar, createReporter } from "../terminal/progress.ts";
import { registerMigrateStore } from "./migrate-store.ts";

const formats = ["csv", "json", "jsonl", "parquet", "xlsx"];
/** Nobody reads more rows than this; --json has all of them. */
const maxRows = 1000;
const widest = 60;

export function register(program: AnyCommand): void {
  const data = program.command("data").description("Ingest files, list, show and query tables.");

  const ingest = data
    .command("ingest")
    .argument("<file>", "CSV, JSON, Parquet or .xlsx; also as .gz, .zst, .bz2, .xz or .zip")
    .argument("<table>", "name of the bronze table, such as flights")
    .description("Load a file unchanged into a bronze table. Loading the same content again changes nothing.")
    .option(
      "--format <format>",
      `${formats.join(", ")} (default: detected from the file's name and content)`,
      formatName,
    )
    .option("--delimiter <character>", "delimiter of a CSV file, or the word tab (default: detected)")
    .option("--encoding <name>", "for example cp1252 (default: detected)")
    .option("--no-header", "the CSV file or sheet has no header line")
    .option(
      "--header-row <line>",
      "line of the header, from 1 (default: detected)",
      wholeNumber("--header-row", 1),
    )
    .option("--skip <lines>", "lines to leave out at the start", wholeNumber("--skip", 0))
    .option("--footer <rows>", "rows to leave out at the end, such as totals", wholeNumber("--footer", 0))
    .option("--sheet <name>", "sheet of an .xlsx workbook (default: the only one with values)")
    .action(async (file, name, options, command) => {
      const context = contextOf(command);
      const flags = {
        "--format": options.format,
        "--delimiter": options.delimiter,
        "--encoding": options.encoding,
        "--header-row": options.headerRow,
        "--skip": options.skip,
        "--footer": options.footer,
        "--sheet": options.sheet,
      };
      const declared = Object.entries(flags).flatMap(([flag, value]) =>
        value === undefined ? [] : [flag, String(value)],
      );
      if (!options.header) declared.push("--no-header");
      show(context.json, await ingestFile(context, file, name, declared), (result) => {
        const from = `${result.file} → bronze.${result.table}`;
        if (result.skipped) return `${from}: already loaded, nothing changed (version ${result.version})`;
        const bad = result.malformed > 0 ? `, ${result.malformed} of them malformed` : "";
        return `${from}: ${rowCount(result.rows)}${bad} (version ${result.version})`;
      });
    });
  examples(ingest, [
    ["./datalab data ingest flights.csv flights", "into bronze.flights"],
    ["./datalab data ingest old.txt sales --delimiter ';' --encoding cp1252", "if the detection is wrong"],
    [
      "./datalab data ingest report.xlsx sales --sheet May --header-row 4",
      "a sheet with titles above its table",
    ],
  ]);

  const list = data
    .command("list-tables")
    .description("List the tables of the lake.")
    .option("-l, --layer <layer>", `only this layer: ${lakeLayers.join(", ")}`, layerName)
    .action(async (options, command) => {
      const context = contextOf(command);
      const args = options.layer ? ["--layer", options.layer] : [];
      const tables = await (await connect(context)).run<ListedTable[]>(["list-tables", ...args]);
      if (context.json) return printJson(tables);
      if (tables.length === 0)
        return say("There are no tables yet. To create one: ./datalab data ingest FILE TABLE");
      const head = ["table", "rows", "columns", "version", "size", "updated"];
      const rows = tables.map((t) => [
        `${t.layer}.${t.name}`,
        ...(isReadable(t)
          ? [t.rows, t.columns, t.version, formatBytes(t.bytes), ago(t.updated)]
          : [null, null, null, null, "can't be read"]),
      ]);
      print(await table(head, rows));
      for (const t of tables) if (!isReadable(t)) say(`✖ ${t.error}`);
    });
  examples(list, [
    ["./datalab data list-tables", "all layers"],
    ["./datalab data list-tables --layer gold --json", "for programs"],
  ]);

  const details = data
    .command("show")
    .argument("<table>", "layer.name, such as silver.flights")
    .description("Show columns, history and first rows of a table.")
    .option("-n, --limit <rows>", "number of rows", wholeNumber("--limit", 0), 20)
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
    .argument("[pipeline]", "pipeline that wrote the report; required if several pipelines write one")
    .description("Fetch the latest HTML report of a pipeline.")
    .option("-o, --out <file>", "file to write", "report.html")
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
    .argument("<sql>", "DuckDB SQL, or - to read it from standard input")
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
  // Errors in the arguments are reported before the platform is queried.
  checkTableName(name);
  const bytes = await checkFile(file);
  const reading = readPlatformAndCredentials(context.project, context.stack);
  const [{ uploadFile }, { platform, credentials }] = await Promise.all([
    import("../../ops/lake/upload.ts"),
    reading,
  ]);
  const reporter = createReporter();
  const size = formatBytes(bytes);
  // On a terminal the bar stands where the step will be; elsewhere the step reports the upload.
  const bar = await createBar(`upload ${file}`, bytes);
  const send = async (): Promise<[Upload, string]> => {
    const onUpload = (done: number) => bar?.update(done);
    const sent = await uploadFile(platform, credentials, file, name, { onUpload }).finally(() => bar?.stop());
    return [sent, sent.skipped ? `${size}, there already` : size];
  };
  try {
    const upload = await runStep(reporter, `upload ${file}`, send, { lazy: bar !== undefined });
    return await runStep(reporter, `ingest into bronze.${name}`, async (step) => {
      const tool = lakeTool(platform, { onOutput: (line) => step.update(line) });
      const result = await tool.run<Ingested>(["ingest", "--table", name, "--key", upload.key, ...declared]);
      return [result, result.skipped ? "nothing changed" : rowCount(result.rows)];
    });
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
  if (lakeLayers.some((layer) => layer === text)) return text;
  throw usage(`--layer: expected one of ${lakeLayers.join(", ")}, received ${JSON.stringify(text)}`);
}

function usage(message: string): DatalabError {
  return new DatalabError("E_USAGE", message);
}

async function readInput(): Promise<string> {
  process.stdin.setEncoding("utf8");
  return (await process.stdin.toArray()).join("");
}
