import { describe, expect, test } from "vitest";
import { edgesOf, egressOf } from "../../src/model/edges.ts";
import type { PlatformModel, WorkloadModel } from "../../src/model/platform.ts";
import { render, t } from "../../src/model/refs.ts";
import { services as all } from "../../src/services/index.ts";
import { configError, makeProject, modelOf, platformYaml } from "../support/project.ts";

const workloads = (model: PlatformModel) => model.services.flatMap((s) => s.workloads);
const workload = (model: PlatformModel, name: string) =>
  workloads(model).find((w) => w.name === name) as WorkloadModel;
const service = (model: PlatformModel, name: string) => model.services.find((s) => s.name === name);
const beside = (...names: string[]) => names.map((name) => `  datalab:secret-${name}: x\n`).join("");
const errors = (yaml: string, more = "") =>
  configError(makeProject({ "Pulumi.dev.yaml": `${platformYaml(yaml)}${more}` })).message;

const shown = (text: Parameters<typeof render>[0]) =>
  render(text, (ref) => `<${Object.values(ref).join(" ")}>`);

describe("a PostgreSQL server that exists already", () => {
  const withAdmin = `
    external:
      database:
        host: db.example.com
        port: 6432
        prefix: lab-
        admin: { user: boss, secret: db-boss }`;

  test("the service postgres runs no server, keeps its check, and makes databases and roles there", () => {
    const model = modelOf(withAdmin, "dev", undefined, beside("db-boss"));
    expect(service(model, "postgres")?.workloads.map((w) => [w.name, w.oneShot])).toEqual([
      ["postgres-provision", true],
    ]);
    expect(service(model, "postgres")?.checks.map((c) => c.name)).toEqual(["query"]);
    const { env, files, volumes } = workload(model, "postgres-provision");
    expect(Object.fromEntries(Object.entries(env).map(([key, text]) => [key, shown(text)]))).toEqual({
      PGHOST: "<outside database host>",
      PGPORT: "<outside database port>",
      PGUSER: "boss",
      PGPASSWORD: "<external db-boss text>",
      PGSSLMODE: "require",
      PGCONNECT_TIMEOUT: "5",
    });
    expect(volumes).toEqual([]);
    const sql = shown(files["provision.sql"] ?? "");
    expect(sql).toContain(
      `ALTER ROLE "lab-prefect" LOGIN PASSWORD '<secret prefect/db>';\nGRANT "lab-prefect" TO CURRENT_USER;`,
    );
    expect(sql).toContain(`CREATE DATABASE "lab-prefect" OWNER "lab-prefect"`);
    expect(sql).not.toContain("SUPERUSER");
  });

  test("who needs a database is told where it is, and starts after it is made", () => {
    const model = modelOf(withAdmin, "dev", undefined, beside("db-boss"));
    const server = workload(model, "prefect");
    expect(shown(server.env.PREFECT_SERVER_DATABASE_CONNECTION_URL ?? "")).toBe(
      "postgresql+asyncpg://lab-prefect:<secret prefect/db>@<outside database host>:<outside database port>/lab-prefect",
    );
    expect(server.afterOneShots).toEqual(["postgres-provision"]);
    expect(workloads(model).flatMap((w) => w.waitFor.map((each) => each.workload))).not.toContain("postgres");
    expect(model.external.database).toEqual({
      host: "db.example.com",
      port: 6432,
      tls: true,
      prefix: "lab-",
      admin: { user: "boss", password: { ref: "external", name: "db-boss", fits: "text" } },
    });
  });

  test("without an administrator, roles exist and their passwords are given", () => {
    const yaml = "external: { database: { host: db.example.com, tls: false } }";
    const model = modelOf(yaml, "dev", undefined, beside("database-prefect", "database-health"));
    expect(service(model, "postgres")?.workloads).toEqual([]);
    expect(shown(workload(model, "prefect").env.PREFECT_SERVER_DATABASE_CONNECTION_URL ?? "")).toContain(
      "prefect:<external database-prefect url>@",
    );
    expect(workload(model, "prefect").afterOneShots).toEqual([]);
    expect(model.secrets.map(({ id }) => id)).not.toContain("prefect/db");
    expect(model.secrets.map(({ id }) => id)).not.toContain("postgres/admin");
    expect(errors(yaml)).toBe(
      `✖ external.database.admin: expected the secret database-health to be set, received nothing under datalab:secret-database-health
  → Pulumi.dev.yaml:3:17
  Run: ./datalab secrets set database-health --stack dev
✖ external.database.admin: expected the secret database-prefect to be set, received nothing under datalab:secret-database-prefect
  → Pulumi.dev.yaml:3:17
  Run: ./datalab secrets set database-prefect --stack dev`,
    );
  });

  test("an administrator for nobody who would be one is refused", () => {
    expect(
      errors(`${withAdmin}\n    services: { postgres: { enabled: false } }`, beside("db-boss")),
    ).toContain(
      "✖ services.postgres.enabled: expected true, received false: it makes the databases and roles on db.example.com that external.database.admin is for",
    );
  });
});

describe("an S3 service that exists already", () => {
  const yaml = `
    external:
      bucket:
        url: https://s3.example.com
        region: eu-west-1
        prefix: lab-
        credentials: { accessKey: AKIAEVERY, secret: s3-key }
        keys:
          core.prefect.lake-tables.lake: { accessKey: AKIAREADER, secret: s3-reader }`;
  const model = () => modelOf(yaml, "dev", undefined, beside("s3-key", "s3-reader"));

  test("the service object-store runs nothing, and keeps the check that its buckets work", () => {
    const store = service(model(), "object-store");
    expect(store?.workloads).toEqual([]);
    expect(store?.checks.map((c) => c.name)).toEqual(["write-read"]);
    expect(model().secrets.map(({ id }) => id)).not.toContain("object-store/admin");
    const checks = JSON.parse(shown(workload(model(), "core").files["checks.json"] ?? ""));
    const check = checks.checks.find((c: { name: string }) => c.name === "write-read");
    expect(check.endpoints).toEqual({});
    expect(check.needs.bucket).toEqual({
      kind: "bucket",
      url: "<outside bucket url>",
      region: "eu-west-1",
      accessKey: "AKIAEVERY",
      secretKey: "<external s3-key text>",
      names: ["lab-health"],
      prefix: "lab-",
    });
    // What counts the objects of a whole server has none to count.
    expect(checks.collectors.map((c: { name: string }) => c.name)).not.toContain("bucket-sizes");
  });

  test("who needs buckets is told their names there, and the key", () => {
    const { env, buckets, waitFor } = workload(model(), "prefect-worker");
    const told = Object.entries(env).filter(([key]) => /^DATALAB_(S3|BUCKET)/.test(key));
    expect(Object.fromEntries(told.map(([key, text]) => [key, shown(text)]))).toEqual({
      DATALAB_S3_ENDPOINT: "<outside bucket url>",
      DATALAB_S3_ACCESS_KEY: "AKIAEVERY",
      DATALAB_S3_SECRET_KEY: "<external s3-key text>",
      DATALAB_S3_REGION: "eu-west-1",
      DATALAB_BUCKET_BRONZE: "lab-bronze",
      DATALAB_BUCKET_SILVER: "lab-silver",
      DATALAB_BUCKET_GOLD: "lab-gold",
      DATALAB_BUCKET_ARTIFACTS: "lab-artifacts",
    });
    expect(buckets).toEqual(["lab-artifacts", "lab-bronze", "lab-gold", "lab-silver"]);
    expect(waitFor.map((w) => w.workload)).toEqual(["prefect"]);
  });

  test("the core holds the buckets of all checks and collectors, and a server without a lake none", () => {
    expect(workload(model(), "core").buckets).toEqual(["lab-bronze", "lab-gold", "lab-health", "lab-silver"]);
    expect(workload(model(), "postgres").buckets).toEqual([]);
  });

  test("without a key, workloads have an identity and are told no key", () => {
    const ambient = modelOf("external: { bucket: { url: 'https://s3.example.com' } }", "dev", all);
    for (const name of ["prefect-worker", "dashboard", "mlflow"]) {
      const keys = Object.keys(workload(ambient, name).env).filter((key) =>
        /ACCESS_KEY|SECRET_KEY$/.test(key),
      );
      expect(keys.filter((key) => !key.startsWith("MLFLOW_FLASK"))).toEqual([]);
    }
    expect(shown(workload(ambient, "prefect-worker").env.DATALAB_S3_CREDENTIALS ?? "")).toBe("ambient");
    const conf = shown(workload(ambient, "spark-connect").files["spark.conf"] ?? "");
    expect(conf).toContain(
      "spark.hadoop.fs.s3a.aws.credentials.provider org.apache.hadoop.fs.s3a.auth.IAMInstanceCredentialsProvider\n",
    );
    expect(conf).not.toContain("s3a.secret.key");
  });

  test("a key that nobody has given is named", () => {
    expect(errors(yaml, beside("s3-key"))).toBe(
      `✖ external.bucket.keys.core.prefect.lake-tables.lake.secret: expected the secret s3-reader to be set, received nothing under datalab:secret-s3-reader
  → Pulumi.dev.yaml:10:67
  Run: ./datalab secrets set s3-reader --stack dev`,
    );
  });
});

describe("what leaves the stack", () => {
  const both = `
    external:
      database: { host: db.example.com, admin: { secret: db-boss } }
      bucket: { url: 'http://s3.example.com:9900', credentials: { accessKey: AKIA, secret: s3-key } }`;

  test("is one way out per workload that is told of a server outside", () => {
    const model = modelOf(both, "dev", undefined, beside("db-boss", "s3-key"));
    const database = { host: "db.example.com", port: 5432 };
    const store = { host: "s3.example.com", port: 9900 };
    const ways = egressOf(model).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
    expect(ways).toEqual([
      { from: "core", ...database },
      { from: "core", ...store },
      { from: "postgres-provision", ...database },
      { from: "prefect", ...database },
      { from: "prefect-register", ...store },
      { from: "prefect-worker", ...store },
    ]);
    const ends = edgesOf(model).flatMap(({ from, to }) => [from, to]);
    expect(ends.filter((name) => ["postgres", "object-store"].includes(name))).toEqual([]);
  });

  test("is nothing where the stack has servers of its own", () => {
    expect(egressOf(modelOf())).toEqual([]);
    expect(modelOf().external).toEqual({ database: null, bucket: null });
  });

  test("port 443 and 80 go without saying", () => {
    const port = (url: string) => egressOf(modelOf(`external: { bucket: { url: '${url}' } }`))[0]?.port;
    expect([port("https://s3.example.com"), port("http://s3.example.com")]).toEqual([443, 80]);
  });
});

test("templates take outside references as any other", () => {
  expect(shown(t`a ${{ ref: "outside", capability: "bucket", part: "host" }} b`)).toBe(
    "a <outside bucket host> b",
  );
});
