import { globSync, readdirSync, readFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { services } from "../src/services/index.ts";
import { modelOf } from "./support/project.ts";
import { imports } from "./support/typescript-imports.ts";

const root = resolve(import.meta.dirname, "..");
const read = (path: string) => readFileSync(join(root, path), "utf8");
const sources = globSync("src/**/*.ts", { cwd: root }).sort();
const tests = globSync("tests/**/*.ts", { cwd: root }).sort();

/** `file imports target`, for the files under folders that import what they must not. */
const offences = (folders: readonly string[], forbidden: (target: string) => boolean): string[] =>
  sources
    .filter((path) => folders.some((folder) => path.startsWith(`src/${folder}/`)))
    .flatMap((path) =>
      imports(path)
        .filter(forbidden)
        .map((target) => `${path} imports ${target}`),
    );

describe("what may import what", () => {
  test("there is something to look at", () => {
    expect(sources.length).toBeGreaterThan(60);
    expect(imports("src/index.ts")).toEqual(
      expect.arrayContaining(["@pulumi/pulumi", "src/declare.ts", "src/targets/load.ts"]),
    );
  });

  test("config, model, services, outputs and core know nothing of Pulumi", () => {
    const folders = ["cloud", "config", "model", "services", "outputs", "core", "images"];
    expect(offences(folders, (target) => target.startsWith("@pulumi/"))).toEqual([]);
  });

  test("config, model and services know nothing of targets, operations and the command line", () => {
    const later = /^src\/(targets|ops|cli|core)\//;
    expect(offences(["config", "model", "services"], (target) => later.test(target))).toEqual([]);
  });

  test("the command line and operations import no target", () => {
    expect(offences(["cli", "ops"], (target) => target.startsWith("src/targets/"))).toEqual([]);
  });

  test("the command line imports no Pulumi", () => {
    expect(offences(["cli"], (target) => target.startsWith("@pulumi/"))).toEqual([]);
  });

  test("targets are loaded when they are asked for, so that no stack pays for another's", () => {
    const folders = readdirSync(join(root, "src/targets"), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
    expect(folders).toContain("docker");
    for (const folder of folders) {
      const outside = sources.filter((path) => !path.startsWith(`src/targets/${folder}/`));
      const early = outside.filter((path) =>
        read(path).match(
          path.startsWith("src/targets/")
            ? `from "[^"]*targets/${folder}/|from "\\./${folder}/`
            : `from "[^"]*targets/${folder}/`,
        ),
      );
      expect(early).toEqual([]);
    }
    const own = (path: string) => path.startsWith("src/targets/aws/");
    expect(sources.filter((path) => !own(path) && imports(path).includes("@pulumi/aws"))).toEqual([]);
  });

  test("a service imports no other service", () => {
    const others = sources.filter((path) => path.startsWith("src/services/") && !path.endsWith("/index.ts"));
    for (const path of others) {
      // What is too much for one file stands in a folder of the service's name.
      const own = `${/^src\/services\/[^/.]+/.exec(path)?.[0]}/`;
      const foreign = (target: string) => target.startsWith("src/services/") && !target.startsWith(own);
      expect(imports(path).filter(foreign)).toEqual([]);
    }
  });
});

/** Words that are a service's name too, and what they mean where they stand. */
const otherMeanings: Readonly<Record<string, string>> = {
  "src/cli/commands/pipelines.ts logs": "a command",
  "src/cli/commands/services.ts logs": "a command",
  "src/cloud/sizes.ts logs": "a service of AWS",
  "src/config/schema-external.ts postgres": "a role of any PostgreSQL",
  "src/config/service-file-schema.ts gateway": "who asks for a login",
  "src/core/start.ts core": "its own name",
  "src/model/capability.ts gateway": "a capability",
  "src/model/capability.ts logs": "a capability",
  "src/model/resolve/resolve.ts gateway": "a capability",
  "src/model/resolve/target-traits.ts postgres": "a role of any PostgreSQL",
  "src/model/resolve/workload.ts gateway": "a capability",
  "src/monitoring/panel.ts prometheus": "a type of Grafana's data sources",
  "src/monitoring/recordings.ts prometheus": "the job in which Prometheus reads itself",
  "src/ops/docker/runtime.ts logs": "a command of Docker",
  "src/ops/docker/store.ts logs": "a command of Docker",
  "src/ops/docker/watch.ts logs": "a command of Docker",
  "src/ops/services/log-store.ts logs": "a capability",
  "src/targets/aws/database.ts postgres": "an engine and a role of RDS",
  "src/targets/aws/logs.ts logs": "a part of the AWS target",
};

describe("nothing specific outside of its file", () => {
  const names = services.flatMap((s) => [s.name, ...Object.keys(s.parts).map((part) => `${s.name}-${part}`)]);
  // `auth` is who asks for a login, not a service.
  const branch = new RegExp(
    `(?<!\\bauth )(?:===|!==|case|includes\\(|startsWith\\()\\s*"(?:${names.join("|")})"`,
  );

  test("no code asks for a service by name", () => {
    const outside = sources.filter(
      (path) => !path.startsWith("src/services/") && !path.startsWith("src/images/"),
    );
    const found = outside.flatMap((path) =>
      read(path)
        .split("\n")
        .flatMap((line, i) => (branch.test(line) ? [`${path}:${i + 1}: ${line.trim()}`] : [])),
    );
    expect(found).toEqual([]);
  });

  test("no code holds the name of a service, of a part of one or of a pipeline: it asks the model who provides what", () => {
    const pipelines = globSync("pipelines/*/pipeline.yaml", { cwd: root }).map((path) => path.split("/")[1]);
    expect(pipelines).toContain("medallion_etl");
    const literal = new RegExp(`"(${[...names, ...pipelines].join("|")})"`, "g");
    const outside = sources.filter((path) => !/^src\/(services|images)\//.test(path));
    const found = outside.flatMap((path) =>
      read(path)
        .split("\n")
        .filter((line) => !/^\s*(?:\*|\/\/|\/\*\*)/.test(line) && !/\bauth\b|"gateway" \| "own"/.test(line))
        .flatMap((line) => [...line.matchAll(literal)].map(([, name]) => `${path} ${name}`)),
    );
    expect([...new Set(found)].sort()).toEqual(Object.keys(otherMeanings).sort());
  });

  test("no help and no message names a pipeline, but for examples of commands", () => {
    const named = sources.flatMap((path) =>
      read(path)
        .split("\n")
        .filter((line) => line.includes("medallion_etl"))
        .map((line) => `${path}: ${line.trim()}`),
    );
    const example = /^src\/cli\/\S+: (?:\[)?"\.\/datalab |^src\/reference\/config\.ts: medallion_etl: \{/;
    expect(named.filter((line) => !example.test(line))).toEqual([]);
  });

  test("no code outside of a target's folder asks which target it is", () => {
    const asks = /\btarget\b\)?\s*(?:===|!==)\s*"|case "(?:docker|kubernetes|aws)"/;
    const outside = sources.filter((path) => !path.startsWith("src/targets/"));
    const found = outside.flatMap((path) =>
      read(path)
        .split("\n")
        .flatMap((line, i) => (asks.test(line) ? [`${path}:${i + 1}: ${line.trim()}`] : [])),
    );
    expect(found).toEqual([]);
  });

  test("the object store's own files alone know the products that store objects", () => {
    const product = /\b(minio|versitygw)\b/i;
    const allowed = /^src\/(services\/object-store(\.ts|\/)|images\/|cli\/commands\/migrate-store\.ts)/;
    expect(sources.filter((path) => !allowed.test(path) && product.test(read(path)))).toEqual([]);
  });
});

describe("files", () => {
  test("have less than 300 lines", () => {
    const long = [...sources, ...tests]
      .map((path) => ({ path, lines: read(path).split("\n").length }))
      .filter(({ path, lines }) => lines > (path.startsWith("src/") ? 300 : 400));
    expect(long).toEqual([]);
  });

  test("are not called after nothing", () => {
    const empty = /^(utils?|helpers?|common|misc|shared)\.ts$|\/(utils?|helpers?|common|misc|shared)\//;
    expect([...sources, ...tests].filter((path) => empty.test(basename(path)) || empty.test(path))).toEqual(
      [],
    );
  });

  test("hold no toy: nothing is left to do later", () => {
    const later = /\b(TODO|FIXME|XXX|HACK)\b/;
    expect(sources.filter((path) => later.test(read(path)))).toEqual([]);
  });

  test("skip and single out no test", () => {
    const alone = /\b(test|describe|it)\.(only|skip|todo)\b/;
    const marked = tests.filter((path) => path !== "tests/structure.test.ts" && alone.test(read(path)));
    expect(marked).toEqual([]);
  });

  test("name no machine and no registry of ours", () => {
    const places = /\/(?:root|work|home\/\w+)\//;
    const named = sources.filter((path) => places.test(read(path).replaceAll("/home/datalab/", "")));
    expect(named).toEqual([]);
  });
});

describe("services", () => {
  const files = readdirSync(join(root, "src/services"))
    .filter((file) => file.endsWith(".ts") && file !== "index.ts")
    .map((file) => basename(file, ".ts"));

  test("are one file each, and every file is in the registry", () => {
    expect(services.map((s) => s.name).sort()).toEqual(files.sort());
  });

  test.each(services.map((s) => [s.name, s] as const))("%s stands in the documents", (name) => {
    expect(read("docs/config.md")).toContain(`\n### ${name}\n`);
  });

  test.each(services.map((s) => [s.name, s] as const))(
    "%s says what it is, and is checked",
    (_name, service) => {
      expect(service.summary).toMatch(/^[A-Z].*\.$/);
      expect(service.version).not.toBe("");
      expect(service.backup).not.toBe("");
      expect(Object.keys(service.checks).length).toBeGreaterThan(0);
      for (const { summary, http, tcp, run } of Object.values(service.checks)) {
        expect(summary).toMatch(/^[A-Z].*\.$/);
        expect([http, tcp, run].filter(Boolean).length).toBe(1);
      }
    },
  );

  test.each(services.map((s) => [s.name, s] as const))(
    "%s has a working configuration of nothing",
    (_name, service) => {
      expect(service.options === undefined || service.options.safeParse({}).success).toBe(true);
    },
  );

  test("have checks and logins that name what is there", () => {
    for (const service of services) {
      const endpoints = Object.entries(service.parts).flatMap(([part, p]) =>
        Object.keys(p.endpoints ?? {}).map((e) => `${part}.${e}`),
      );
      for (const { http, tcp, secrets = [] } of Object.values(service.checks)) {
        const named = http ?? tcp;
        if (named) expect(endpoints).toContain(`${named.part}.${named.endpoint}`);
        for (const secret of secrets) expect(service.needs[secret]?.kind).toBe("secret");
      }
      for (const { part, endpoint } of Object.values(service.provides ?? {})) {
        expect(endpoints).toContain(`${part}.${endpoint}`);
      }
      for (const part of Object.values(service.parts)) {
        for (const { part: other, endpoint } of part.after ?? [])
          expect(endpoints).toContain(`${other}.${endpoint}`);
        for (const need of part.uses ?? []) expect(Object.keys(service.needs)).toContain(need);
        for (const { login } of Object.values(part.endpoints ?? {})) {
          if (login) expect(service.needs[login]).toMatchObject({ kind: "secret", login: expect.anything() });
        }
      }
    }
  });

  test("need no port below 1024, and no two the same", () => {
    const ports = modelOf().services.flatMap((s) =>
      s.workloads.flatMap((w) => w.endpoints.flatMap((e) => e.published ?? [])),
    );
    expect(Math.min(...ports)).toBeGreaterThan(1023);
    expect(new Set(ports).size).toBe(ports.length);
  });
});
