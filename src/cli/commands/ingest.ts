import { basename } from "node:path";
import { DatalabError, exit } from "../../errors.ts";
import { formatBytes } from "../../model/units.ts";
import { type Ingested, lakeTool } from "../../ops/lake/lake.ts";
import { findSources, isTheFiles, type Source, withSpooled } from "../../ops/lake/sources.ts";
import { checkTableName, type Upload } from "../../ops/lake/upload.ts";
import { runStep } from "../../ops/reporter.ts";
import { type Credentials, readPlatformAndCredentials } from "../../ops/services/credentials.ts";
import type { PlatformOutput } from "../../outputs/platform.ts";
import { cancellable } from "../terminal/interrupt.ts";
import { type AnyCommand, contextOf, examples, wholeNumber } from "../terminal/options.ts";
import { print, printable, printJson, say } from "../terminal/output.ts";
import { createBar, createReporter, type Reporter } from "../terminal/progress.ts";

const formats = ["csv", "json", "jsonl", "parquet", "xlsx"];

/** What one call loads into one table. */
interface Load {
  readonly platform: PlatformOutput;
  readonly credentials: Credentials;
  readonly table: string;
  /** Options of the lake's tool. */
  readonly declared: readonly string[];
  readonly signal: AbortSignal;
}

interface Failed {
  readonly file: string;
  readonly error: DatalabError;
}

export function registerIngest(data: AnyCommand): void {
  const ingest = data
    .command("ingest")
    .usage("[options] <file...> <table>")
    .argument(
      "<file>",
      "CSV, JSON, Parquet or .xlsx, also packed; or a folder, a pattern, - for standard input",
    )
    .argument("<table...>", "more files, and last the name of the bronze table, such as flights")
    .description("Load files unchanged into a bronze table. Loading the same content again changes nothing.")
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
    .action(async (first: string, rest: string[], options, command) => {
      const context = contextOf(command);
      const files = [first, ...rest.slice(0, -1)];
      const name = rest.at(-1) ?? "";
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
      // Errors in the arguments are reported before the platform is queried.
      checkTableName(name);
      const load = async (sources: readonly Source[], signal?: AbortSignal) => {
        const connected = await readPlatformAndCredentials(context.project, context.stack);
        const run = (signal: AbortSignal) =>
          ingestAll({ ...connected, table: name, declared, signal }, sources, context.json);
        return signal ? run(signal) : cancellable(run);
      };
      if (files.length > 1 || first !== "-") return load(await findSources(files, name, options.format));
      const { format } = options;
      if (format === undefined) {
        throw usage("--format: standard input has no name to detect it by", `One of ${formats.join(", ")}.`);
      }
      if (process.stdin.isTTY) say("Reads standard input until Ctrl-D.");
      await cancellable((signal) =>
        withSpooled(process.stdin, format, signal, async (path) =>
          load(await findSources([path], name, format), signal),
        ),
      );
    });
  examples(ingest, [
    ["./datalab data ingest flights.csv flights", "into bronze.flights"],
    ["./datalab data ingest 2024/ 2025-*.csv sales", "a folder and other files, one after the other"],
    ["zcat big.csv.gz | ./datalab data ingest - sales --format csv", "what another program writes"],
    ["./datalab data ingest old.txt sales --delimiter ';' --encoding cp1252", "if the detection is wrong"],
    [
      "./datalab data ingest report.xlsx sales --sheet May --header-row 4",
      "a sheet with titles above its table",
    ],
  ]);
}

/** One file as ever; several with a summary, and what went wrong with each. */
async function ingestAll(load: Load, sources: readonly Source[], json: boolean): Promise<void> {
  const reporter = createReporter();
  const loaded: Ingested[] = [];
  const failed: Failed[] = [];
  try {
    const [only, ...others] = sources;
    if (only !== undefined && others.length === 0) {
      const result = await ingestFile(load, only, reporter);
      return json ? printJson(result) : print(resultText(result));
    }
    for (const source of sources) {
      try {
        const result = await ingestFile(load, source, reporter);
        loaded.push(result);
        if (!json) print(resultText(result));
      } catch (error) {
        if (!(error instanceof DatalabError)) throw error;
        failed.push({ file: source.path, error });
        // The store or the platform: the other files would meet it, too.
        if (!isTheFiles(error)) break;
      }
    }
  } finally {
    reporter.close();
  }
  const rows = loaded.reduce((sum, each) => sum + each.rows, 0);
  const untried = sources.length - loaded.length - failed.length;
  const counts = [
    `${loaded.length} of ${sources.length} files in bronze.${load.table}, ${rowCount(rows)} added`,
    ...(failed.length > 0 ? [`${failed.length} failed`] : []),
    ...(untried > 0 ? [`${untried} not tried`] : []),
  ];
  say(`${counts.join(", ")}.`);
  if (json) {
    const failures = failed.map(({ file, error: { code, message, hint } }) => {
      return { file, code, message, hint: hint ?? null };
    });
    printJson({ table: load.table, files: loaded, failed: failures, untried });
  }
  for (const { file, error } of failed) {
    const about = [file, basename(file)].some((name) => error.message.startsWith(name)) ? "" : `${file}: `;
    say(printable(`✖ ${about}${error.message}${error.hint ? ` (${error.hint})` : ""}`));
  }
  const last = failed.at(-1)?.error;
  if (last) process.exitCode = last.exitCode === exit.interrupted ? exit.interrupted : exit.failure;
}

async function ingestFile(load: Load, { path, bytes }: Source, reporter: Reporter): Promise<Ingested> {
  const { platform, credentials, table, declared, signal } = load;
  const { uploadFile } = await import("../../ops/lake/upload.ts");
  const size = formatBytes(bytes);
  // On a terminal the bar stands where the step will be; elsewhere the step reports the upload.
  const bar = await createBar(`upload ${path}`, bytes);
  const send = async (): Promise<[Upload, string]> => {
    const onUpload = (done: number) => bar?.update(done);
    const sending = uploadFile(platform, credentials, path, table, { onUpload, signal });
    const sent = await sending.finally(() => bar?.stop());
    return [sent, sent.skipped ? `${size}, there already` : size];
  };
  const upload = await runStep(reporter, `upload ${path}`, send, { lazy: bar !== undefined });
  return await runStep(reporter, `ingest into bronze.${table}`, async (step) => {
    const tool = lakeTool(platform, { onOutput: (line) => step.update(line), signal });
    const result = await tool.run<Ingested>(["ingest", "--table", table, "--key", upload.key, ...declared]);
    return [result, result.skipped ? "nothing changed" : rowCount(result.rows)];
  });
}

function resultText(result: Ingested): string {
  const from = `${result.file} → bronze.${result.table}`;
  if (result.skipped) return `${from}: already loaded, nothing changed (version ${result.version})`;
  const bad = result.malformed > 0 ? `, ${result.malformed} of them malformed` : "";
  return `${from}: ${rowCount(result.rows)}${bad} (version ${result.version})`;
}

function formatName(text: string): string {
  if (formats.includes(text)) return text;
  throw usage(`--format: expected one of ${formats.join(", ")}, received ${JSON.stringify(text)}`);
}

const rowCount = (rows: number): string => `${rows} ${rows === 1 ? "row" : "rows"}`;

function usage(message: string, hint?: string): DatalabError {
  return new DatalabError("E_USAGE", message, hint ? { hint } : {});
}
