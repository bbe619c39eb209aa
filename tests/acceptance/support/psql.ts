/**
 * The command that asks a database of the stack's own server, in its container: columns come apart by `|`.
 */
export const psqlCommand = (database: string, sql: string): readonly string[] => [
  ...[
    "psql",
    "--host",
    "/tmp",
    "--username",
    "postgres",
    "--no-psqlrc",
    "--no-align",
    "--tuples-only",
    "--quiet",
  ],
  ...["--dbname", database, "--command", sql],
];
