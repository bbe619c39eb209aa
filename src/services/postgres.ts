import { z } from "zod";
import { type DatabaseGrant, database, secret } from "../model/needs.ts";
import { type Template, t, template } from "../model/refs.ts";
import { defineService } from "../model/service.ts";
import { dump } from "./postgres/dump.ts";

/** Names of databases and roles come from needs, which are DNS-safe; quoting is for the hyphen. */
const quote = (name: string) => `"${name}"`;

/** A role and a database per need; safe to run at every start, which is also what rotates a password. */
function provision(grants: readonly DatabaseGrant[], admin: Parameters<typeof t>[1]): Template {
  return template(
    "\\set ON_ERROR_STOP on\nSET log_statement = 'none';\nSET log_min_error_statement = 'panic';\n",
    t`ALTER ROLE postgres PASSWORD '${admin}';\n`,
    ...grants.flatMap(({ name, user, password, monitor }) => [
      `SELECT 'CREATE ROLE ${quote(user)}' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${user}')\\gexec\n`,
      t`ALTER ROLE ${quote(user)} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD '${password}';\n`,
      `SELECT 'CREATE DATABASE ${quote(name)} OWNER ${quote(user)}' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '${name}')\\gexec\n`,
      `REVOKE CONNECT ON DATABASE ${quote(name)} FROM PUBLIC;\n`,
      monitor
        ? `GRANT pg_monitor TO ${quote(user)};\n`
        : `SELECT 'REVOKE pg_monitor FROM ${quote(user)}' WHERE pg_has_role('${user}', 'pg_monitor', 'member')\\gexec\n`,
    ]),
  );
}

/**
 * The same on a server outside, as an administrator who need not be a superuser: whoever makes a database for
 * a role must be of that role, and only superusers may take rights away that roles don't have by default.
 */
function provisionOutside(grants: readonly DatabaseGrant[]): Template {
  return template(
    "\\set ON_ERROR_STOP on\nSET client_min_messages = warning;\n",
    ...grants.flatMap(({ name, user, password, monitor }) => [
      `SELECT 'CREATE ROLE ${quote(user)}' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${user}')\\gexec\n`,
      t`ALTER ROLE ${quote(user)} LOGIN PASSWORD '${password}';\n`,
      `GRANT ${quote(user)} TO CURRENT_USER;\n`,
      `SELECT 'CREATE DATABASE ${quote(name)} OWNER ${quote(user)}' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '${name}')\\gexec\n`,
      `REVOKE CONNECT ON DATABASE ${quote(name)} FROM PUBLIC;\n`,
      monitor
        ? `GRANT pg_monitor TO ${quote(user)};\n`
        : `SELECT 'REVOKE pg_monitor FROM ${quote(user)}' WHERE pg_has_role('${user}', 'pg_monitor', 'member')\\gexec\n`,
    ]),
  );
}

/**
 * Roles and databases are made over the local socket before the port opens: whoever connects finds everything
 * there. initdb writes to a folder of its own that is renamed at the end, so that an interrupted first start
 * begins again.
 *
 * The server inherits the lock. Its own can't tell whether another one runs in another container: a pod that
 * is deleted by force is replaced while it still runs, and two servers on one folder destroy it.
 */
const start = `set -eu
data=/data/pgdata
bin=/usr/lib/postgresql/15/bin
exec 9>>/data/lock
flock --exclusive --timeout 120 9 || {
  echo "another server still runs on this volume; this one ends rather than destroying its data" >&2
  exit 1
}
if [ ! -s $data/PG_VERSION ]; then
  rm -rf $data $data.new
  $bin/initdb --pgdata $data.new --username postgres --auth-local peer --auth-host scram-sha-256 \\
    --encoding UTF8 --locale C.UTF-8 --no-instructions >/dev/null
  mv $data.new $data
fi
cp /run/datalab/pg_hba.conf /run/datalab/pg_ident.conf $data/
$bin/pg_ctl --pgdata $data --silent --wait --options "-c listen_addresses='' -c unix_socket_directories=/tmp -c log_min_messages=fatal" start
$bin/psql --quiet --host /tmp --username postgres --dbname postgres --file /run/datalab/provision.sql >/dev/null
$bin/pg_ctl --pgdata $data --silent --wait --mode fast stop
exec $bin/postgres -D $data "$@"
`;

/** A server that was just made may take its time to answer. */
const provisionScript = `set -eu
tries=60
until /usr/lib/postgresql/15/bin/pg_isready --quiet; do
  tries=$((tries - 1))
  [ $tries -gt 0 ] || { echo "the database server at $PGHOST:$PGPORT did not answer within 5 minutes" >&2; exit 1; }
  sleep 5
done
exec /usr/lib/postgresql/15/bin/psql --quiet --no-psqlrc --dbname postgres --file /run/datalab/provision.sql >/dev/null
`;

export const postgres = defineService({
  name: "postgres",
  summary: "PostgreSQL server with a database and a role for each need.",
  version: "15",
  needs: { admin: secret({ user: "postgres", opens: "PostgreSQL as superuser" }) },
  provides: { database: { part: "main", endpoint: "sql" } },
  options: z.strictObject({
    maxConnections: z
      .int()
      .min(10)
      .max(1000)
      .default(100)
      .describe("Maximum number of connections.")
      .meta({ owner: "sizes" }),
    sharedBuffers: z
      .string()
      .regex(/^[1-9]\d*MB$/, "a size such as 64MB")
      .default("64MB")
      .describe("PostgreSQL's shared_buffers.")
      .meta({ owner: "sizes" }),
  }),
  parts: {
    main: {
      enabled: (_options, { external }) => external.database === null,
      image: "services",
      command: ({ options }) =>
        [
          "bash",
          "/run/datalab/start.sh",
          ...[
            "listen_addresses=*",
            "unix_socket_directories=/tmp",
            "jit=off",
            "password_encryption=scram-sha-256",
          ],
          ...[`max_connections=${options.maxConnections}`, `shared_buffers=${options.sharedBuffers}`],
          ...["log_statement=none", "logging_collector=off"],
        ].flatMap((word, i) => (i < 2 ? [word] : ["-c", word])),
      env: () => ({ PGTZ: "UTC" }),
      files: ({ grants, needs }) => ({
        "start.sh": start,
        "dump.sh": dump,
        "provision.sql": provision(grants.database, needs.admin),
        "pg_hba.conf": "local all postgres peer map=container\nhost all all all scram-sha-256\n",
        "pg_ident.conf": "container datalab postgres\n",
      }),
      endpoints: {
        sql: {
          port: 5432,
          protocol: "tcp",
          scheme: "postgresql",
          summary: "PostgreSQL",
          published: 5432,
          login: "admin",
        },
      },
      probe: {
        command: ["/usr/lib/postgresql/15/bin/pg_isready", "--quiet", "--host", "127.0.0.1"],
        within: "60s",
      },
      volumes: { data: { path: "/data", size: "10Gi" } },
      resources: { cpu: "250m", memory: "512Mi" },
      stopGrace: "30s",
      dump: { command: ["bash", "/run/datalab/dump.sh"] },
    },
    provision: {
      enabled: (_options, { external }) => Boolean(external.database?.admin),
      image: "services",
      oneShot: true,
      command: () => ["bash", "/run/datalab/provision.sh"],
      env: ({ external: { database }, needs }) => ({
        PGHOST: { ref: "outside", capability: "database", part: "host" },
        PGPORT: { ref: "outside", capability: "database", part: "port" },
        PGUSER: database?.admin?.user ?? "",
        PGPASSWORD: template(database?.admin?.password ?? needs.admin),
        PGSSLMODE: database?.tls ? "require" : "prefer",
        PGCONNECT_TIMEOUT: "5",
      }),
      files: ({ grants }) => ({
        "provision.sh": provisionScript,
        "provision.sql": provisionOutside(grants.database),
      }),
      resources: { cpu: "50m", memory: "64Mi" },
    },
  },
  checks: {
    query: {
      summary: "A row is written in a transaction and read back.",
      needs: { db: database("health") },
      run: async ({ needs, signal }) => {
        const { db } = needs;
        if (!db) throw new Error("no database was granted");
        const { Client } = (await import("pg")).default;
        const client = new Client({
          host: db.host,
          port: Number(db.port),
          database: db.name,
          user: db.user,
          password: db.password,
          ...(db.tls && { ssl: { rejectUnauthorized: false } }),
          connectionTimeoutMillis: 5000,
          query_timeout: 5000,
        });
        const abort = () => void client.end().catch(() => {});
        signal.addEventListener("abort", abort, { once: true });
        try {
          await client.connect();
          await client.query(
            "CREATE TABLE IF NOT EXISTS roundtrip (id int PRIMARY KEY, at timestamptz NOT NULL)",
          );
          const { rows } = await client.query<{ same: boolean }>(
            `WITH written AS (INSERT INTO roundtrip VALUES (1, now())
             ON CONFLICT (id) DO UPDATE SET at = excluded.at RETURNING at) SELECT at = now() AS same FROM written`,
          );
          if (rows[0]?.same !== true) throw new Error("the row read back is not the row written");
        } finally {
          signal.removeEventListener("abort", abort);
          await client.end().catch(() => {});
        }
        return undefined;
      },
    },
  },
  backup: "a dump of every database, by ./datalab backup create",
});
