import { beforeAll, describe, expect, test } from "vitest";
import { deriveSecret } from "../../src/model/derive.ts";
import type { PlatformModel } from "../../src/model/platform.ts";
import type { PlatformOutput } from "../../src/outputs/platform.ts";
import { deployDocker } from "../../src/targets/docker/index.ts";
import { type Recording, readable, record } from "../support/mocks.ts";
import { modelOf } from "../support/project.ts";
import { container, filesHash, images, workloads } from "./expected.ts";

const master = "m".repeat(43);
const types = {
  container: "docker:index/container:Container",
  volume: "docker:index/volume:Volume",
  network: "docker:index/network:Network",
};
type Recorded = Recording & { output: PlatformOutput };

/** What the program registers for a model; one-shots end with these exit codes and logs. */
const deploy = (model: PlatformModel, end: Record<string, unknown> = { exitCode: 0, containerLogs: "" }) =>
  record(() => deployDocker(model, images), {
    config: { "datalab:masterSecret": master },
    state: (type) => (type === types.container ? end : {}),
  }) as Promise<Recorded>;

const secretOf = (id: string) => deriveSecret(master, "dev", { id, version: 1 });

interface Upload {
  readonly file: string;
  readonly content: string | { readonly hidden: string };
  readonly permissions: string;
}
/** The files of a workload as its holder uploads them: name -> content, secret or not. */
function filesOf(recorded: Recorded, workload: string): Record<string, string> {
  const uploads = recorded.get(types.container, `${workload}-files`).inputs.uploads as Upload[];
  return Object.fromEntries(
    uploads.map(({ file, content }) => [
      file.replace("/run/datalab/", ""),
      typeof content === "string" ? content : content.hidden,
    ]),
  );
}

describe("the default dev stack", () => {
  let recorded: Recorded;
  let model: PlatformModel;
  beforeAll(async () => {
    model = modelOf();
    recorded = await deploy(model);
  });

  test("it is these resources and no others", () => {
    const names = (type: string) =>
      recorded.resources
        .filter((r) => r.type === type)
        .map((r) => r.name)
        .sort();
    const all = Object.keys(workloads);
    const holders = all.map((name) => `${name}-files`);
    expect(names(types.container)).toEqual([...all, ...holders].sort());
    expect(names(types.volume)).toEqual([...holders, "object-store-data", "postgres-data"].sort());
    expect(names(types.network)).toEqual(["network"]);
    expect(names("datalab:docker:Platform")).toEqual(["dev"]);
    expect(names("datalab:docker:Service")).toEqual(["core", "object-store", "postgres", "prefect"]);
    expect(names("datalab:docker:Pipeline")).toEqual(["hello"]);
    expect(recorded.resources.length).toBe(12 + 8 + 1 + 1 + 4 + 1);
  });

  test.each(Object.entries(workloads))("the container %s is exactly this", (name, own) => {
    const { inputs } = recorded.get(types.container, name);
    expect(inputs).toEqual(container(name, own, filesHash(filesOf(recorded, name))));
  });

  test.each(Object.entries(workloads))("the holder of the files of %s never starts", (name, own) => {
    const { inputs } = recorded.get(types.container, `${name}-files`);
    const { uploads, ...rest } = inputs;
    expect(rest).toEqual({
      name: `datalab-dev-${name}-files`,
      hostname: `${name}-files`,
      image: images.get(own.image),
      command: ["true"],
      start: false,
      mustRun: false,
      networkMode: "none",
      user: "root",
      capabilities: { drops: ["ALL"] },
      volumes: [{ volumeName: `datalab-dev-${name}-files`, containerPath: "/run/datalab", readOnly: false }],
      labels: [
        { label: "datalab.role", value: "files" },
        { label: "datalab.service", value: own.service },
        { label: "datalab.stack", value: "dev" },
      ],
    });
    for (const { permissions } of uploads as Upload[]) expect(permissions).toBe("0444");
  });

  test.each(["postgres", "object-store"])("the data volume of %s is kept and never replaced", (name) => {
    const { inputs, options } = recorded.get(types.volume, `${name}-data`);
    expect(inputs).toEqual({
      name: `datalab-dev-${name}-data`,
      driver: "local",
      labels: [
        { label: "datalab.role", value: "data" },
        { label: "datalab.service", value: name },
        { label: "datalab.stack", value: "dev" },
      ],
    });
    expect(options).toMatchObject({
      retainOnDelete: true,
      deleteBeforeReplace: false,
      ignoreChanges: ["labels", "driver", "driverOpts"],
      parent: name,
    });
  });

  test.each(Object.entries(workloads))("the volume of the files of %s goes with the stack", (name, own) => {
    const { inputs, options } = recorded.get(types.volume, `${name}-files`);
    expect(inputs).toEqual({
      name: `datalab-dev-${name}-files`,
      driver: "local",
      labels: [
        { label: "datalab.role", value: "files" },
        { label: "datalab.service", value: own.service },
        { label: "datalab.stack", value: "dev" },
      ],
    });
    expect(options).toMatchObject({ retainOnDelete: false, deleteBeforeReplace: true, parent: own.service });
  });

  test("the network is a bridge of the stack's own", () => {
    const { inputs, options } = recorded.get(types.network, "network");
    expect(inputs).toEqual({
      name: "datalab-dev",
      driver: "bridge",
      attachable: false,
      internal: false,
      ipv6: false,
      ingress: false,
      labels: [{ label: "datalab.stack", value: "dev" }],
    });
    expect(options).toMatchObject({ deleteBeforeReplace: true, parent: "dev" });
  });

  test("the URNs of what holds data are pinned: another name or parent would make it anew", () => {
    const prefix = "urn:pulumi:dev::datalab::datalab:docker:Platform$datalab:docker:Service$";
    expect(recorded.resources.filter((r) => r.options.retainOnDelete).map((r) => r.urn)).toEqual([
      `${prefix}docker:index/volume:Volume::postgres-data`,
      `${prefix}docker:index/volume:Volume::object-store-data`,
    ]);
  });

  test("containers are made after the parts of their own service that they wait for, and after their files", () => {
    const dependsOn = (name: string) =>
      recorded
        .get(types.container, name)
        .options.dependsOn.filter((on) => on.startsWith("Container") && !on.endsWith("-files"));
    expect(Object.fromEntries(Object.keys(workloads).map((name) => [name, dependsOn(name)]))).toEqual({
      core: [],
      postgres: [],
      "object-store": [],
      prefect: [],
      "prefect-worker": ["Container prefect"],
      "prefect-register": ["Container prefect"],
    });
    for (const name of Object.keys(workloads)) {
      expect(recorded.get(types.container, name).options.dependsOn).toEqual(
        expect.arrayContaining(["Network network", `Container ${name}-files`, `Volume ${name}-files`]),
      );
    }
  });

  test("a container is replaced in place, for its name and ports are fixed", () => {
    for (const { type, options } of recorded.resources) {
      if (type === types.container) expect(options.deleteBeforeReplace).toBe(true);
    }
    expect(recorded.get(types.container, "postgres").options).toMatchObject({
      createTimeout: "10m",
      deleteTimeout: "90s",
    });
  });

  test("secrets stand in secret inputs only, and every one is somewhere", () => {
    const open = JSON.stringify(recorded.resources.map(({ inputs }) => readable(inputs)));
    const whole = JSON.stringify(recorded.resources.map(({ inputs }) => inputs));
    for (const { id } of model.secrets) {
      expect([id, whole.includes(secretOf(id))]).toEqual([id, true]);
      expect([id, open.includes(secretOf(id))]).toEqual([id, false]);
    }
    expect(whole).not.toContain(master);
    expect(JSON.stringify(recorded.output)).not.toContain(secretOf("prefect/admin"));
  });

  test("nothing that docker inspect shows is even marked secret", () => {
    for (const name of Object.keys(workloads)) {
      const { inputs } = recorded.get(types.container, name);
      expect(readable(inputs)).toEqual(inputs);
    }
  });

  test("secrets reach a service as variables in a file", () => {
    expect(filesOf(recorded, "prefect")).toEqual({
      env:
        `PREFECT_SERVER_DATABASE_CONNECTION_URL='postgresql+asyncpg://prefect:${secretOf("prefect/db")}@postgres:5432/prefect'\n` +
        `PREFECT_SERVER_API_AUTH_STRING='admin:${secretOf("prefect/admin")}'\n`,
    });
    expect(filesOf(recorded, "prefect-worker")).toEqual({
      env:
        `PREFECT_API_AUTH_STRING='admin:${secretOf("prefect/admin")}'\n` +
        `DATALAB_S3_SECRET_KEY='${secretOf("prefect/lake")}'\n`,
    });
    expect(filesOf(recorded, "object-store").env).toBe(
      `MINIO_ROOT_PASSWORD='${secretOf("object-store/admin")}'\n`,
    );
  });

  test("the object store makes a key for each need, with access to its buckets only", () => {
    const files = filesOf(recorded, "object-store");
    expect(Object.keys(files).sort()).toEqual([
      "env",
      "policies.json",
      "provision.sh",
      "start.sh",
      "user_mappings.json",
      "users.json",
    ]);
    const read = (name: string) => JSON.parse(files[name] as string);
    const keys = ["core.object-store.write-read.bucket", "core.prefect.tables.lake", "prefect.lake"];
    for (const name of ["policies.json", "users.json", "user_mappings.json"])
      expect(Object.keys(read(name)).sort()).toEqual(keys);
    const { Statement } = read("policies.json")["prefect.lake"];
    expect(Statement.map((s: { Resource: string[] }) => s.Resource)).toEqual([
      ["arn:aws:s3:::bronze", "arn:aws:s3:::silver", "arn:aws:s3:::gold", "arn:aws:s3:::artifacts"],
      ["arn:aws:s3:::bronze/*", "arn:aws:s3:::silver/*", "arn:aws:s3:::gold/*", "arn:aws:s3:::artifacts/*"],
    ]);
    expect(files["provision.sh"]).toContain(
      "mc mb --quiet --ignore-existing local/artifacts local/backups local/bronze local/gold local/health local/silver ",
    );
    expect(read("users.json")["prefect.lake"]).toEqual({
      secretKey: secretOf("prefect/lake"),
      status: "enabled",
    });
    expect(read("user_mappings.json")["prefect.lake"].policy).toBe("prefect.lake");
  });

  test("the server of databases makes a role and a database for each need", () => {
    const sql = filesOf(recorded, "postgres")["provision.sql"];
    for (const [name, id] of [
      ["prefect", "prefect/db"],
      ["health", "core.postgres.query/db"],
    ] as const) {
      expect(sql).toContain(
        `ALTER ROLE "${name}" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD '${secretOf(id)}';\n`,
      );
      expect(sql).toContain(`REVOKE CONNECT ON DATABASE "${name}" FROM PUBLIC;\n`);
    }
    expect(sql).toContain(`ALTER ROLE postgres PASSWORD '${secretOf("postgres/admin")}';\n`);
  });

  test("the core is given the registry and the checks, with addresses and secrets answered", () => {
    const files = filesOf(recorded, "core");
    const registry = JSON.parse(files["registry.json"] as string);
    expect([registry.stack, registry.target]).toEqual(["dev", "docker"]);
    expect(registry.services.map((s: { name: string }) => s.name)).toEqual(model.services.map((s) => s.name));
    expect(registry.services[3].endpoints[0]).toMatchObject({
      name: "api",
      url: "http://127.0.0.1:4200",
      internalUrl: "http://prefect:4200",
    });
    const { checks } = JSON.parse(files["checks.json"] as string);
    const check = (name: string) => checks.find((c: { name: string }) => c.name === name);
    expect(check("query").needs.db).toEqual({
      kind: "database",
      host: "postgres",
      port: "5432",
      name: "health",
      user: "health",
      password: secretOf("core.postgres.query/db"),
    });
    expect(check("flow-run").secrets).toEqual({ admin: secretOf("prefect/admin") });
  });

  test("the pipelines are given to the one-shot that registers them, and are components", () => {
    expect(JSON.parse(filesOf(recorded, "prefect-register")["pipelines.json"] as string)).toEqual({
      pipelines: model.pipelines,
    });
    expect(recorded.get("datalab:docker:Pipeline", "hello")).toMatchObject({
      urn: "urn:pulumi:dev::datalab::datalab:docker:Platform$datalab:docker:Pipeline::hello",
      custom: false,
      inputs: { version: model.pipelines[0]?.version },
    });
  });
});

describe("configuration reaches Docker", () => {
  test("a policy of delete lets the volume go with the stack", async () => {
    const recorded = await deploy(
      modelOf("data: { policy: delete }\nservices: { postgres: { data: retain } }"),
    );
    const retained = (name: string) => recorded.get(types.volume, `${name}-data`).options.retainOnDelete;
    expect([retained("postgres"), retained("object-store")]).toEqual([true, false]);
  });

  test("ports are shifted together, on the loopback interface only", async () => {
    const recorded = await deploy(
      modelOf("portOffset: 1000\nservices: { object-store: { ports: { console: false } } }"),
    );
    const ports = recorded.resources.flatMap(
      ({ inputs }) => (inputs.ports as { external: number; ip: string }[] | undefined) ?? [],
    );
    expect(ports.map(({ external, ip }) => `${ip}:${external}`).sort()).toEqual([
      "127.0.0.1:10000",
      "127.0.0.1:5200",
      "127.0.0.1:6432",
      "127.0.0.1:8070",
    ]);
    expect(recorded.get(types.container, "prefect").inputs.envs).toContain(
      "PREFECT_UI_API_URL=http://127.0.0.1:5200/api",
    );
  });

  test("a bumped version changes that secret, and what mounts it", async () => {
    const before = await deploy(modelOf());
    const after = await deploy(modelOf("secrets: { versions: { prefect/lake: 2 } }"));
    const label = (recorded: Recorded, name: string) =>
      (recorded.get(types.container, name).inputs.labels as { label: string; value: string }[]).find(
        (l) => l.label === "datalab.files",
      )?.value;
    const changed = Object.keys(workloads).filter((name) => label(before, name) !== label(after, name));
    expect(changed).toEqual(["object-store", "prefect-worker", "prefect-register"]);
    expect(filesOf(after, "prefect-worker").env).toContain(
      deriveSecret(master, "dev", { id: "prefect/lake", version: 2 }),
    );
  });

  test("another stack has other names, and other secrets", async () => {
    const model = modelOf("", "team-a");
    const recorded = await record(() => deployDocker(model, images), {
      stack: "team-a",
      config: { "datalab:masterSecret": master },
      state: () => ({ exitCode: 0, containerLogs: "" }),
    });
    const names = recorded.resources.flatMap(({ custom, inputs }) => (custom ? [String(inputs.name)] : []));
    for (const name of names) expect(name).toMatch(/^datalab-team-a(-|$)/);
    const whole = JSON.stringify(recorded.resources.map(({ inputs }) => inputs));
    for (const { id } of model.secrets) expect(whole).not.toContain(secretOf(id));
  });
});

describe("a one-shot that ends with an error", () => {
  test("fails the update with its last words and the way out", async () => {
    const end = { exitCode: 3, containerLogs: "the work pool can't be made\n" };
    await expect(deploy(modelOf(), end)).rejects.toThrow(
      /^prefect-register ended with exit code 3:\nthe work pool can't be made\nPut right what it says, then run \.\/datalab up, or: pulumi up --replace 'urn:pulumi:dev::datalab::\S+::prefect-register'$/,
    );
  });

  test("is not asked for in a preview, where it has not run", async () => {
    const model = modelOf();
    const recorded = await record(() => deployDocker(model, images), {
      preview: true,
      config: { "datalab:masterSecret": master },
    });
    expect(recorded.resources.length).toBe(27);
  });
});

test("a stack without a master secret is not deployed", async () => {
  const model = modelOf();
  await expect(record(async () => deployDocker(model, images))).rejects.toThrow(
    "Missing required configuration variable 'datalab:masterSecret'",
  );
});
