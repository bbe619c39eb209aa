import { type ErrorEntries, exit } from "./entry.ts";

/** Files that are refused, by the command line before the upload or by the lake's tool after it. */
export const fileCodes = {
  E_FILE_MISSING: {
    exit: exit.usage,
    meaning: "There is no such file.",
    fix: "Check the path.",
  },
  E_FILE_EMPTY: {
    exit: exit.usage,
    meaning: "The file has no bytes. Nothing was written.",
    fix: "Export it again.",
  },
  E_FILE: {
    exit: exit.usage,
    meaning: "The path is no regular file, can't be read, or its name has control characters.",
    fix: "Correct what the error says. Pass the output of a pipe as `-`.",
  },
  E_FILE_CHANGED: {
    meaning: "The file changed while it was uploaded.",
    fix: "Run `./datalab data ingest` again when nothing writes to the file.",
  },
  E_FILE_BLANK: {
    meaning: "The file holds only blank lines. Nothing was written.",
    fix: "Export it again.",
  },
  E_FILE_BINARY: {
    meaning: "The file is neither text nor Parquet, such as a compressed or an Excel file.",
    fix: "Export it as CSV, JSON, Parquet or .xlsx.",
  },
  E_FILE_DAMAGED: {
    meaning: "The uploaded bytes are not those of the file: the upload was cut off or changed.",
    fix: "Run `./datalab data ingest` again.",
  },
  E_FILE_COLUMNS: {
    meaning:
      "The file has more columns than a table may have, or the table would have with those of the file.",
    fix: "Check that it is a table. Put the keys of wide JSON objects below one key.",
  },
  E_FILE_NO_COLUMNS: {
    meaning: "The file has no columns, such as a Parquet file with an empty schema. Nothing was written.",
    fix: "Export it again, with its columns.",
  },
  E_FILE_DELIMITER: {
    meaning: "The delimiter is not one character.",
    fix: "Pass one character, such as `--delimiter ';'`.",
  },
  E_FILE_DELIMITER_UNSURE: {
    meaning: "The lines of a CSV file can be split in two ways, and nothing says which is meant.",
    fix: "Pass `--delimiter`, or write `source.delimiter` in the table's contract.",
  },
  E_FILE_HEADER_UNSURE: {
    meaning:
      "A CSV file begins with lines that may be titles or the header, and nothing says which line is the header.",
    fix: "Pass `--header-row`, or write `source.header_row` in the table's contract.",
  },
  E_FILE_PACKED: {
    meaning: "A packed file can't be unpacked to its end, or it does not hold exactly one table.",
    fix: "Pack it again, or unpack it and ingest what is in it.",
  },
  E_FILE_WORKBOOK: {
    meaning:
      "An Excel workbook can't be read: it is damaged, has a formula without its value, or several sheets hold values.",
    fix: "Pass `--sheet` where several sheets hold values. Otherwise open it, save it again, or save the sheet as CSV.",
  },
  E_FILE_ENCODING: {
    meaning: "The encoding is not known.",
    fix: "Use a name such as `utf-8`, `cp1252` or `utf-16`.",
  },
  E_FILE_ENCODING_UNSURE: {
    meaning: "A short text is no UTF-8 and may be in one of several encodings.",
    fix: "Pass `--encoding`, or write `source.encoding` in the table's contract.",
  },
  E_FILE_LINE_LENGTH: {
    meaning: "A line of the file is longer than allowed.",
    fix: "Check that it is the right file. If it is, raise `DATALAB_MAX_LINE_BYTES`.",
  },
  E_JSON_DAMAGED: {
    meaning: "A JSON file ends inside of a value, or goes on after its array.",
    fix: "Export it again: it was cut off, or a bracket is missing.",
  },
  E_JSON_NO_OBJECTS: {
    meaning: "The file holds no JSON object.",
    fix: "Write one object a line (JSON lines), or an array of objects.",
  },
  E_PARQUET_DAMAGED: {
    meaning: "The Parquet file can't be read.",
    fix: "Check that it is complete, or export it again.",
  },
  E_PARQUET_VALUE: {
    meaning: "A column of the Parquet file has a type or a value that the lake can't keep.",
    fix: "Export the column as text.",
  },
  E_SCHEMA_MISMATCH: {
    meaning: "A column of the file has a type that does not fit the type in the bronze table.",
    fix: "Correct the column, or ingest the file into a table of another name.",
  },
  E_LANDING_KEY: {
    meaning: "The object's key is not that of an uploaded file.",
    fix: "Use keys of the form `_landing/<table>/<sha256>/<file name>`, or upload with `./datalab data ingest`.",
  },
} as const satisfies ErrorEntries;

/** Tables, queries, contracts and the object store below them. */
export const lakeCodes = {
  E_TABLE_NAME: {
    exit: exit.usage,
    meaning: "The name of the table is not valid.",
    fix: "Use at most 63 lower case letters, digits and underscores, and start with a letter.",
  },
  E_NO_TABLE: {
    meaning: "There is no such table.",
    fix: "`./datalab data list-tables` shows the tables.",
  },
  E_TABLE_DAMAGED: {
    meaning: "A table can't be read.",
    fix: "Restore the table from a backup, or remove it with `./datalab data drop`. Other tables are not concerned.",
  },
  E_TABLE_OWNED: {
    exit: exit.usage,
    meaning:
      "The table that is to be dropped belongs to a pipeline, which would make it again or miss it. Nothing was removed.",
    fix: "Do what the error says first, or pass `--force` to remove the table nevertheless.",
  },
  E_TABLE_FEATURE: {
    meaning:
      "Another program has written the table with a feature of Delta that no reader here follows: column mapping or deletion vectors. It would be read wrong.",
    fix: "Do what the error says in that program, or write the data to a new table without the feature. Other tables are not concerned.",
  },
  E_TABLE_NOT_INGESTED: {
    meaning: "The pipeline refines only bronze tables that were loaded from files, and this one was not.",
    fix: "Load the data with `./datalab data ingest`, or refine the table in a pipeline of your own.",
  },
  E_SCHEMA_AMBIGUOUS: {
    meaning: "Two headings of a file may be one column of the table, and nothing says which.",
    fix: "Spell the headings as the table's first file does, or ingest the file into another table.",
  },
  E_WRITE_CONFLICT: {
    meaning: "Another writer changed the table at the same moment.",
    fix: "Run the command or the pipeline again.",
  },
  E_WRITE_FAILED: {
    meaning: "The table could not be written. It is as it was before.",
    fix: "Check the object store with `./datalab platform status`, then run it again.",
  },
  E_WRITE_LOST: {
    meaning: "The table is not in the object store after it was written.",
    fix: "Check the object store with `./datalab platform status`, then run it again.",
  },
  E_ROWS_LOST: {
    meaning:
      "Silver would not have as many rows as bronze without the quarantined ones. Nothing was written to silver. This is a defect.",
    fix: "Report it with the contract of the table.",
  },
  E_CONTRACT_INVALID: {
    meaning: "The contract of a table is wrong. The error lists every problem with its line.",
    fix: "Correct the file. [medallion.md](medallion.md) explains what a contract holds.",
  },
  E_CONTRACT_MISMATCH: {
    meaning: "The contract names columns that the bronze table does not have.",
    fix: "Correct the names in the contract, or name the columns of a file without a header in `source.columns`.",
  },
  E_TABLE_OWNER: {
    meaning: "The table belongs to another pipeline, so the run has not written it.",
    fix: "Run its owner, or move the table's contract or SQL file to this pipeline and run `./datalab up`. [medallion.md](medallion.md) explains who owns a table.",
  },
  E_GOLD_CYCLE: {
    meaning: "SQL files of the gold layer read each other in a circle.",
    fix: "Change one of the files that the error names.",
  },
  E_GOLD_INVALID: {
    meaning: "A SQL file of the gold layer can't become a table.",
    fix: "Correct what the error says. [medallion.md](medallion.md) explains the gold layer.",
  },
  E_SQL_INVALID: {
    meaning: "The SQL can't be run: it has an error, or is more or less than one statement.",
    fix: "Correct the SQL. Tables are `bronze.x`, `silver.x` and `gold.x`.",
  },
  E_SQL_NOT_A_QUERY: {
    meaning: "The SQL does more than read.",
    fix: "Write one `SELECT`.",
  },
  E_QUERY_FORBIDDEN: {
    meaning: "The query reads something else than tables of the lake.",
    fix: "Read from `bronze.x`, `silver.x` and `gold.x` only.",
  },
  E_QUERY_TIMEOUT: {
    meaning: "The query took longer than allowed.",
    fix: "Read fewer rows or columns, or pass a higher `--timeout`.",
  },
  E_QUERY_MEMORY: {
    meaning:
      "The query needs more memory than it may use: DuckDB refused, or its process was ended at its limit.",
    fix: "Filter or aggregate more, or raise `DATALAB_DUCKDB_MEMORY` and the memory of the service.",
  },
  E_QUERY_RESULT: {
    meaning: "The rows that the query answers are more bytes than may be handed over.",
    fix: "Aggregate, use `LIMIT` or name fewer columns. A pipeline or a notebook can read whole tables.",
  },
  E_SCRATCH: {
    meaning: "No folder for temporary files can be made.",
    fix: "Correct what the error says, or set `DATALAB_SCRATCH` to a folder of this user.",
  },
  E_LAKE_TOOL: {
    meaning: "The lake's tool ended without a result, for example because it had too little memory.",
    fix: "Read its last lines in the error. Raise the memory of the service, or read less at once.",
  },
  E_LAKE: {
    meaning: "The lake's tool reported an error without a code.",
    fix: "Correct what the error says and run the command again.",
  },
  E_NO_LAKE_TOOL: {
    exit: exit.usage,
    meaning: "No service of the stack has the lake's tool.",
    fix: "Enable a service that runs pipelines in `Pulumi.<stack>.yaml` and run `./datalab up`.",
  },
  E_STORE: {
    meaning: "The object store refused a request, or answered with an error.",
    fix: "Check the store and its credentials with `./datalab platform status`, then run the command again.",
  },
  E_STORE_UNREACHABLE: {
    meaning: "The object store does not answer.",
    fix: "`./datalab platform status` shows its state, `./datalab up` starts it.",
  },
  E_STORE_LOGIN: {
    meaning: "The object store refuses the stack's access key.",
    fix: "Run `./datalab up`, which deploys the current secret.",
  },
  E_STORE_UNPUBLISHED: {
    meaning: "The command needs the object store's S3 port, and the stack does not publish it.",
    fix: "Give the S3 port a number in `Pulumi.<stack>.yaml` and run `./datalab up`.",
  },
  E_NO_STORE: {
    meaning: "The stack has no object store of its own, or the service is disabled.",
    fix: "Enable the object store in `Pulumi.<stack>.yaml` and run `./datalab up`.",
  },
  E_NO_OBJECT: {
    meaning: "There is no such object in the bucket.",
    fix: "Check the key, or upload the file again: `./datalab data ingest`.",
  },
} as const satisfies ErrorEntries;
