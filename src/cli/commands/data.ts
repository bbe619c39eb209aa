import { DatalabError } from "../../errors.ts";
import { lakeLayers } from "../../model/lake-env.ts";
import { formatBytes } from "../../model/units.ts";
import { isReadable, type ListedTable, type Row, type TableDetails } from "../../ops/lake/lake.ts";
import { readPlatformAndCredentials } from "../../ops/services/credentials.ts";
import { ask } from "../terminal/lake.ts";
import { type AnyCommand, contextOf, examples, wholeNumber } from "../terminal/options.ts";
import {
  ago,
  escaped,
  escapedLines,
  onStdout,
  print,
  printJson,
  say,
  show,
  table,
} from "../terminal/output.ts";
import { type RowsText, rowsText } from "../terminal/rows.ts";
import { registerDrop } from "./drop.ts";
import { registerIngest } from "./ingest.ts";
import { registerMigrateStore } from "./migrate-store.ts";

/** Nobody reads more rows than this; --json has all of them. */
const maxRows = 1000;

export function register(program: AnyCommand): void {
  const data = program.command("data").description("Ingest files, list, show and query tables.");

  registerIngest(data);

  const list = data
    .command("list-tables")
    .description("List the tables of the lake.")
    .option("-l, --layer <layer>", `only this layer: ${lakeLayers.join(", ")}`, layerName)
    .action(async (options, command) => {
      const context = contextOf(command);
      const args = options.layer ? ["--layer", options.layer] : [];
      const tables = await ask<ListedTable[]>(context, ["list-tables", ...args]);
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
      for (const t of tables) if (!isReadable(t)) say(escapedLines(`✖ ${t.error}`));
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
      const args = ["show", "--limit", String(options.limit), "--", name];
      const found = await ask<TableDetails>(context, args);
      if (context.json) return printJson(found);
      const sample = await rowsText(found.sample);
      print([...(await detailsText(found)), ...(sample.text ? [sample.text] : [])].join("\n\n"));
      sayCut(sample);
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
      const rows = await ask<Row[]>(context, ["query"], { sql: text });
      if (context.json) return printJson(rows);
      const shown = await rowsText(rows.slice(0, maxRows));
      print(shown.text);
      sayCut(shown);
      const more = rows.length > maxRows ? `, the first ${maxRows} are shown; --json has all` : "";
      say(`${rowCount(rows.length)}${more}`);
    });
  examples(query, [
    ['./datalab data query "select carrier, count(*) from silver.flights group by all"', "a table"],
    ["./datalab data query --json - < report.sql", "from a file, for programs"],
  ]);
  registerDrop(data);
  registerMigrateStore(data);
}

async function detailsText(found: TableDetails): Promise<string[]> {
  const { layer, name, rows, bytes, version, updated, columns, history } = found;
  const title = onStdout("bold", `${layer}.${name}`);
  return [
    `${title}: ${rowCount(rows)}, ${formatBytes(bytes)}, version ${version}, updated ${ago(updated)}`,
    await table(
      ["column", "type"],
      columns.map((column) => [escaped(column.name), column.type]),
    ),
    await table(
      ["version", "when", "operation", "rows"],
      history.map((entry) => [entry.version, ago(entry.timestamp), entry.operation, entry.rows]),
    ),
  ];
}

function sayCut({ cut }: RowsText): void {
  if (cut > 0) say(`${cut} ${cut === 1 ? "value is" : "values are"} cut; --json has all of every value`);
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
