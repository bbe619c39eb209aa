import { describe, expect, test } from "vitest";
import { render } from "../../src/model/refs.ts";
import { services } from "../../src/services/index.ts";
import { modelOf } from "../support/project.ts";

/** provision.sql of a stack with every service, line by line; secrets as their ids. */
function provision(yaml = ""): string[] {
  const workloads = modelOf(yaml, "dev", services).services.flatMap((s) => s.workloads);
  const file = workloads.find((w) => w.name === "postgres")?.files["provision.sql"];
  const text = render(file ?? "", (ref) => (ref.ref === "secret" ? `<${ref.id}>` : ref.ref));
  return text.split("\n");
}

/** Roles by what a line does with them. */
const roles = (lines: readonly string[], pattern: RegExp) =>
  lines.flatMap((line) => pattern.exec(line)?.[1] ?? []).sort();

describe("provision.sql", () => {
  const lines = provision();
  const made = roles(lines, /^SELECT 'CREATE ROLE "([^"]+)"'/);

  test("stops at the first problem, and writes no password to the log", () => {
    expect(lines.slice(0, 3)).toEqual([
      "\\set ON_ERROR_STOP on",
      "SET log_statement = 'none';",
      "SET log_min_error_statement = 'panic';",
    ]);
  });

  test("the exporter's role may read statistics, and no other role may", () => {
    expect(roles(lines, /^GRANT pg_monitor TO "([^"]+)";$/)).toEqual(["postgres-exporter"]);
    // Whoever had it before, by another version of a service, loses it; where it is not granted nothing is
    // said.
    const revoked = roles(
      lines,
      /^SELECT 'REVOKE pg_monitor FROM "([^"]+)"' WHERE pg_has_role\('\1', 'pg_monitor', 'member'\)\\gexec$/,
    );
    expect(revoked).toEqual(made.filter((role) => role !== "postgres-exporter"));
    expect(made).toEqual(expect.arrayContaining(["prefect", "mlflow", "jupyterhub"]));
  });

  test("the grant comes after its role, and is the only one", () => {
    const grant = lines.indexOf('GRANT pg_monitor TO "postgres-exporter";');
    const role = lines.findIndex((line) => line.startsWith(`SELECT 'CREATE ROLE "postgres-exporter"'`));
    expect(role).toBeGreaterThan(0);
    expect(grant).toBeGreaterThan(role);
    expect(lines.filter((line) => line.startsWith("GRANT"))).toHaveLength(1);
  });

  test("no role is a superuser, each has a password of its own and a database that only it connects to", () => {
    expect(
      roles(lines, /^ALTER ROLE "([^"]+)" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD '<[^<>]+>';$/),
    ).toEqual(made);
    const passwords = lines.flatMap((line) => /PASSWORD '(<[^<>]+>)'/.exec(line)?.[1] ?? []);
    expect(new Set(passwords).size).toBe(made.length + 1);
    expect(roles(lines, /^REVOKE CONNECT ON DATABASE "([^"]+)" FROM PUBLIC;$/)).toHaveLength(made.length);
  });

  test("without the exporter nobody monitors", () => {
    const without = provision("services: { postgres-exporter: { enabled: false } }");
    expect(without.filter((line) => line.startsWith("GRANT"))).toEqual([]);
  });
});
