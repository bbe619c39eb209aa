import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { bucket, database, endpoint, secret } from "../../../src/model/needs.ts";
import type { PlatformModel, WorkloadModel } from "../../../src/model/platform.ts";
import { isRef, json, type Ref, render } from "../../../src/model/refs.ts";
import { defineService, type ServiceDefinition } from "../../../src/model/service.ts";
import { validConfig } from "../../support/configs.ts";
import { declare, makeProject, platformYaml, foundation as services } from "../../support/project.ts";

const platform = (value: unknown) => JSON.stringify({ config: { "datalab:platform": value } });
const workloads = (model: PlatformModel) => model.services.flatMap((s) => s.workloads);
const workload = (model: PlatformModel, name: string) =>
  workloads(model).find((w) => w.name === name) as WorkloadModel;

/** Every reference anywhere in a value. */
function refs(value: unknown): Ref[] {
  if (isRef(value)) return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(refs) : [];
}

function unfrozen(value: unknown, path = "model"): string[] {
  if (typeof value !== "object" || value === null) return [];
  const inner = Object.entries(value).flatMap(([key, v]) => unfrozen(v, `${path}.${key}`));
  return Object.isFrozen(value) ? inner : [path, ...inner];
}

test("whatever is configured, the model holds together", () => {
  fc.assert(
    fc.property(validConfig, (config) => {
      const files = makeProject({ "Pulumi.dev.yaml": platform(config) });
      const { environment, model } = declare(files);
      const all = workloads(model);

      // Names, and ports on the host, are one workload's only.
      expect(new Set(all.map((w) => w.name)).size).toBe(all.length);
      const ports = all.flatMap((w) => w.endpoints.flatMap((e) => e.published ?? []));
      expect(new Set(ports).size).toBe(ports.length);
      for (const port of ports) expect(port).toBeLessThanOrEqual(65_535);

      // What is waited for is there, and started before.
      const order = model.services.map(({ name }) => name);
      for (const w of all) {
        for (const { workload: name, port } of w.waitFor) {
          const other = all.find((o) => o.name === name);
          expect(other?.endpoints.map((e) => e.port)).toContain(port);
          expect(name).not.toBe(w.name);
          expect(order.indexOf(other?.service as string)).toBeLessThanOrEqual(order.indexOf(w.service));
        }
      }
      for (const s of model.services) {
        for (const name of s.dependsOn) expect(order.indexOf(name)).toBeLessThan(order.indexOf(s.name));
      }

      // Every reference leads somewhere.
      const secrets = new Set(model.secrets.map(({ id }) => id));
      for (const ref of refs(model)) {
        if (ref.ref === "secret") expect(secrets).toContain(ref.id);
        else if (ref.ref === "outside") expect(model.external[ref.capability]).not.toBeNull();
        else if (ref.ref !== "image" && ref.ref !== "external")
          expect(workload(model, ref.workload).endpoints.map((e) => e.name)).toContain(ref.endpoint);
      }
      for (const { login } of all.flatMap((w) => w.endpoints)) {
        if (login) expect(secrets).toContain(login.secret);
      }

      // Plain data, frozen, and the same every time.
      expect(unfrozen(model)).toEqual([]);
      expect(JSON.parse(JSON.stringify(model))).toEqual(model);
      expect(JSON.stringify(declare(files).model)).toBe(JSON.stringify(model));
      expect(environment.stack).toBe("dev");
    }),
    { numRuns: 40 },
  );
});

describe("the default platform", () => {
  const model = () => declare(makeProject({})).model;

  test("its services are in the order in which they start", () => {
    expect(model().services.map(({ name, dependsOn }) => [name, dependsOn])).toEqual([
      ["core", []],
      ["postgres", []],
      ["object-store", []],
      ["prefect", ["postgres", "object-store"]],
    ]);
  });

  test("its workloads wait for what they need", () => {
    expect(Object.fromEntries(workloads(model()).map((w) => [w.name, w.waitFor]))).toEqual({
      core: [],
      postgres: [],
      "object-store": [],
      prefect: [{ workload: "postgres", port: 5432 }],
      "prefect-worker": [
        { workload: "object-store", port: 9000 },
        { workload: "prefect", port: 4200 },
      ],
      "prefect-register": [
        { workload: "object-store", port: 9000 },
        { workload: "prefect", port: 4200 },
      ],
    });
  });

  test("its secrets are one for each need and each check that has one", () => {
    expect(model().secrets).toEqual([
      { id: "core.object-store.write-read/bucket", version: 1, login: null },
      { id: "core.postgres.query/db", version: 1, login: null },
      { id: "core.prefect.tables/lake", version: 1, login: null },
      {
        id: "core/alerts",
        version: 1,
        login: { user: "alertmanager", opens: "the log of alerts, for Alertmanager" },
      },
      { id: "object-store/admin", version: 1, login: { user: "admin", opens: "the console" } },
      { id: "postgres/admin", version: 1, login: { user: "postgres", opens: "PostgreSQL as superuser" } },
      { id: "prefect/admin", version: 1, login: { user: "admin", opens: "Prefect" } },
      { id: "prefect/db", version: 1, login: null },
      { id: "prefect/lake", version: 1, login: null },
    ]);
  });

  test("its health is answered by the core", () => {
    expect(model().health).toEqual({ workload: "core", endpoint: "api" });
  });

  test("its stateful workloads keep their data", () => {
    expect(
      workloads(model()).flatMap((w) => w.volumes.map((v) => [w.name, v.name, v.path, v.policy])),
    ).toEqual([
      ["postgres", "data", "/data", "retain"],
      ["object-store", "data", "/data", "retain"],
    ]);
  });
});

describe("configuration reaches the model", () => {
  const resolved = (yaml: string) => declare(makeProject({ "Pulumi.dev.yaml": platformYaml(yaml) })).model;

  test("ports are shifted, and not published where they are false", () => {
    const model = resolved(
      "portOffset: 1000\nservices:\n  object-store:\n    ports: { console: false, s3: 9100 }",
    );
    expect(workload(model, "object-store").endpoints.map((e) => [e.name, e.port, e.published])).toEqual([
      ["s3", 9000, 10_100],
      ["console", 9001, null],
    ]);
    expect(workload(model, "prefect").endpoints[0]?.published).toBe(5200);
  });

  test("sizes are numbers", () => {
    const model = resolved(
      "services:\n  postgres:\n    resources: { main: { cpu: 1.5, memory: 1Gi } }\n    storage: { data: 2Gi }",
    );
    const { milliCpu, memoryBytes, volumes } = workload(model, "postgres");
    expect([milliCpu, memoryBytes, volumes[0]?.sizeBytes]).toEqual([1500, 2 ** 30, 2 ** 31]);
  });

  test("a service's data policy is stronger than the platform's", () => {
    const model = resolved("data: { policy: delete }\nservices:\n  postgres: { data: retain }");
    expect(["postgres", "object-store"].map((name) => workload(model, name).volumes[0]?.policy)).toEqual([
      "retain",
      "delete",
    ]);
  });

  test("a bumped version is the secret's, also of a check's own secret", () => {
    const model = resolved("secrets:\n  versions: { prefect/admin: 2, core.postgres.query/db: 3 }");
    const version = (id: string) => model.secrets.find((s) => s.id === id)?.version;
    expect([version("prefect/admin"), version("core.postgres.query/db"), version("prefect/db")]).toEqual([
      2, 3, 1,
    ]);
  });

  test("the version of a disabled service's secret may stay in the file", () => {
    const model = resolved(
      "services: { prefect: { enabled: false } }\nsecrets: { versions: { prefect/admin: 2 } }",
    );
    expect(model.secrets.map(({ id }) => id)).not.toContain("prefect/admin");
  });

  test("without Prefect nothing of it is left", () => {
    const model = resolved("services: { prefect: { enabled: false } }");
    expect(workloads(model).map((w) => w.name)).toEqual(["core", "postgres", "object-store"]);
    expect(JSON.stringify(model.services)).not.toContain('"workload":"prefect"');
  });
});

describe("services that others write", () => {
  const part = (more = {}) => ({
    image: "base",
    command: () => ["sleep", "infinity"],
    probe: { command: ["true"], within: "10s" },
    resources: { cpu: "100m", memory: "64Mi" },
    ...more,
  });
  const service = (name: string, more: Partial<ServiceDefinition> = {}): ServiceDefinition =>
    defineService({
      name,
      summary: "s",
      version: "1",
      needs: {},
      parts: { main: part() },
      checks: {},
      backup: "none",
      ...more,
    } as never);
  const resolve = (...own: ServiceDefinition[]) =>
    declare(makeProject({}), "dev", [...services, ...own]).model;

  test("every kind of need is answered", () => {
    const needs = {
      db: database("notes"),
      lake: bucket("silver", "gold"),
      key: secret(),
      api: endpoint("prefect", "api"),
    };
    const answered = defineService({
      ...service("notes"),
      needs,
      parts: {
        main: { ...part(), files: ({ needs: granted }) => ({ "needs.json": json(granted) }) },
      },
    });
    const notes = workload(resolve(answered), "notes");
    const text = render(notes.files["needs.json"] as never, (ref) =>
      ref.ref === "address"
        ? `${ref.workload}.${ref.endpoint}.${ref.part}`
        : ref.ref === "secret"
          ? ref.id
          : "",
    );
    expect(JSON.parse(text)).toEqual({
      db: {
        kind: "database",
        host: "postgres.sql.host",
        port: "postgres.sql.port",
        name: "notes",
        user: "notes",
        password: "notes/db",
      },
      lake: {
        kind: "bucket",
        url: "object-store.s3.url",
        region: "us-east-1",
        accessKey: "notes.lake",
        secretKey: "notes/lake",
        names: ["silver", "gold"],
      },
      key: "notes/key",
      api: {
        kind: "endpoint",
        host: "prefect.api.host",
        port: "prefect.api.port",
        url: "prefect.api.url",
        user: "admin",
        password: "prefect/admin",
      },
    });
    expect(notes.waitFor).toEqual([
      { workload: "postgres", port: 5432 },
      { workload: "object-store", port: 9000 },
      { workload: "prefect", port: 4200 },
    ]);
  });

  test("all endpoints of one workload are waited for", () => {
    const two = service("two", {
      needs: { s3: endpoint("object-store", "s3"), console: endpoint("object-store", "console") },
    });
    expect(workload(resolve(two), "two").waitFor).toEqual([
      { workload: "object-store", port: 9000 },
      { workload: "object-store", port: 9001 },
    ]);
  });

  test("a part waits only for the needs that it uses", () => {
    const lazy = service("lazy", {
      needs: { db: database("lazy"), key: secret() },
      parts: { main: part({ uses: ["key"] }), worker: part({ uses: ["db"] }) },
    });
    const model = resolve(lazy);
    expect([workload(model, "lazy").waitFor, workload(model, "lazy-worker").waitFor]).toEqual([
      [],
      [{ workload: "postgres", port: 5432 }],
    ]);
  });

  test("parts that wait for each other are refused", () => {
    const endpoints = { web: { port: 80, protocol: "http", summary: "s" } };
    const knot = service("knot", {
      parts: {
        main: part({ endpoints, after: [{ part: "worker", endpoint: "web" }] }),
        worker: part({ endpoints, after: [{ part: "main", endpoint: "web" }] }),
      },
    });
    expect(() => resolve(knot)).toThrow(
      "✖ services.knot.parts.main.after: expected parts that can be started one after the other, " +
        "received the cycle knot -> knot-worker -> knot\n  → Pulumi.dev.yaml:1:1\n  Remove one of these.",
    );
  });

  test("two services that answer for the same are refused", () => {
    const endpoints = { sql: { port: 5432, protocol: "tcp", summary: "s" } };
    const mysql = service("mysql", {
      parts: { main: part({ endpoints }) },
      provides: { database: { part: "main", endpoint: "sql" } },
    });
    expect(() => resolve(mysql)).toThrow(
      "✖ services.mysql.enabled: expected one service that provides database, received mysql and postgres\n" +
        "  → Pulumi.dev.yaml:1:1\n" +
        "  Set services.mysql.enabled or services.postgres.enabled to false.",
    );
  });

  test("options are checked by the service's own schema, and handed to it", () => {
    const tuned = defineService({
      ...service("tuned"),
      options: z.strictObject({ level: z.enum(["low", "high"]).default("low") }),
      parts: {
        main: { ...part(), command: ({ options }: { options: { level: string } }) => ["run", options.level] },
      },
    } as never);
    expect(workload(resolve(tuned), "tuned").command).toEqual([{ parts: ["run"] }, { parts: ["low"] }]);
    const files = { "Pulumi.dev.yaml": platformYaml("services: { tuned: { options: { level: hihg } } }") };
    expect(() => declare(makeProject(files), "dev", [...services, tuned])).toThrow(
      '✖ services.tuned.options.level: expected one of "low", "high", received "hihg"\n' +
        "  → Pulumi.dev.yaml:3:37\n  Did you mean high?",
    );
  });
});
