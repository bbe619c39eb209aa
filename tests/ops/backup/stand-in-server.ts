import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeProject } from "../../support/project.ts";

/**
 * A psql of a server that knows its databases by name. It understands the statements of the dump program,
 * with the variables that are set on its command line.
 */
const psql = `import { readFileSync, writeFileSync } from "node:fs";
const file = import.meta.dirname + "/databases.json";
const args = process.argv.slice(2);
const set = Object.fromEntries(args.flatMap((word, i) => (args[i - 1] === "--set" ? [word.split(/=(.*)/s)] : [])));
const given = args.indexOf("--command");
const sql = (given < 0 ? readFileSync(0, "utf8") : args[given + 1])
  .replace(/:'(\\w+)'/g, (_, name) => "'" + set[name] + "'")
  .replace(/:"(\\w+)"/g, (_, name) => '"' + set[name] + '"');
const databases = JSON.parse(readFileSync(file, "utf8"));
for (const statement of sql.split(/;|\\\\gset/).map((each) => each.trim()).filter(Boolean)) {
  const renamed = /^ALTER DATABASE "(.+)" RENAME TO "(.+)"$/.exec(statement);
  const dropped = /^DROP DATABASE (IF EXISTS )?"(.+)" WITH \\(FORCE\\)$/.exec(statement);
  const asked = /^SELECT (1|datname) FROM pg_database WHERE (.+)$/.exec(statement);
  if (renamed) {
    const [, from, to] = renamed;
    if (!(from in databases) || to in databases) throw new Error(statement);
    databases[to] = databases[from];
    delete databases[from];
  } else if (dropped) {
    if (!dropped[1] && !(dropped[2] in databases)) throw new Error(statement);
    delete databases[dropped[2]];
  } else if (asked) {
    const likes = asked[2].split(" OR ").map((each) => /^datname (?:=|LIKE) '(%?)(.+)'$/.exec(each));
    const is = (name) => likes.some(([, any, end]) => (any ? name.endsWith(end) : name === end));
    for (const name of Object.keys(databases).filter(is)) console.log(asked[1] === "1" ? 1 : name);
  } else if (!/^(BEGIN|COMMIT|ALTER DATABASE "[^"]+" ALLOW_CONNECTIONS (true|false)|SELECT count\\(.*)$/.test(statement))
    throw new Error("not understood: " + statement);
}
writeFileSync(file, JSON.stringify(databases));
`;

/** A folder of programs as the server's, and what it has. */
export function standInServer(databases: Record<string, string>) {
  const bin = makeProject(
    {
      "databases.json": JSON.stringify(databases),
      "psql.mjs": psql,
      psql: `#!/bin/sh\nexec '${process.execPath}' "$(dirname "$0")/psql.mjs" "$@"\n`,
    },
    { bare: true },
  );
  chmodSync(join(bin, "psql"), 0o755);
  writeFileSync(join(bin, "none"), "");
  return {
    bin,
    databases: () => JSON.parse(readFileSync(join(bin, "databases.json"), "utf8")) as Record<string, string>,
  };
}
