import { describe, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { loadEnvironment } from "../../src/config/load.ts";
import {
  configError,
  declare,
  errorText,
  goodPipeline,
  makeProject,
  platformYaml,
  foundation as services,
} from "../support/project.ts";
import { notes } from "./cases.ts";

/** The default platform, as `datalab config show` prints it. */
const defaults = {
  target: "docker",
  portOffset: 0,
  preset: "full",
  images: { source: "build", digests: {} },
  data: { policy: "retain" },
  backup: { keep: 14, homes: { size: "20Gi", time: "30m" } },
  budget: { memory: "2250Mi" },
  kubernetes: {
    ingress: { class: "traefik", port: 443, namespace: "traefik" },
    cpuOvercommit: 1,
    pullSecrets: [],
    apiServer: ["0.0.0.0/0"],
  },
  aws: {
    size: "M",
    vpcCidr: "10.64.0.0/16",
    zones: ["a", "b", "c"],
    nat: "size",
    kubernetesVersion: "1.33",
    karpenter: false,
    apiCidrs: [],
    accessRoles: [],
    ingressCidrs: [],
    budget: { emails: [] },
    deletionProtection: true,
  },
  external: {},
  services: {
    core: {
      enabled: true,
      resources: { main: { cpu: "100m", memory: "256Mi" } },
      ports: { api: 7070 },
      options: {},
    },
    postgres: {
      enabled: true,
      resources: { main: { cpu: "250m", memory: "512Mi" }, provision: { cpu: "50m", memory: "64Mi" } },
      ports: { sql: 5432 },
      storage: { data: "10Gi" },
      options: { maxConnections: 100, sharedBuffers: "64MB" },
    },
    "object-store": {
      enabled: true,
      resources: { main: { cpu: "250m", memory: "1Gi" } },
      ports: { s3: 9000, console: 9001 },
      storage: { data: "20Gi", versitygw: "20Gi" },
      options: { engine: "minio" },
    },
    prefect: {
      enabled: true,
      resources: {
        main: { cpu: "500m", memory: "768Mi" },
        worker: { cpu: "500m", memory: "2Gi" },
        register: { cpu: "500m", memory: "512Mi" },
      },
      ports: { api: 4200 },
      scale: {},
      options: {
        workerConcurrency: 4,
        retention: "30d",
        maxRuns: 8,
        runMemory: "2Gi",
        runCpu: "500m",
      },
    },
  },
  serviceFiles: [],
  pipelines: { overrides: {} },
  secrets: { versions: {} },
  promotion: ["dev", "staging", "prod"],
};

describe("an empty configuration is a working dev", () => {
  test.each([
    ["a missing file", {}],
    ["an empty file", { "Pulumi.dev.yaml": "" }],
    ["a file with comments only", { "Pulumi.dev.yaml": "# nothing yet\n" }],
    ["config without a value", { "Pulumi.dev.yaml": "config:\n" }],
    ["a platform without a value", { "Pulumi.dev.yaml": "config:\n  datalab:platform:\n" }],
    ["an empty platform", { "Pulumi.dev.yaml": "config:\n  datalab:platform: {}\n" }],
    [
      "what Pulumi itself writes",
      { "Pulumi.dev.yaml": "encryptionsalt: v1:abc\nconfig:\n  aws:region: eu-central-1\n" },
    ],
  ])("%s", (_what, files) => {
    const { environment, model } = declare(makeProject(files));
    expect(environment.config).toEqual(defaults);
    expect(model.services.map(({ name }) => name)).toEqual(["core", "postgres", "object-store", "prefect"]);
    expect(environment.find(["target"])).toBeUndefined();
  });
});

test("a value knows where it stands, a default knows that it is one", () => {
  const { environment } = declare(
    makeProject({
      "Pulumi.dev.yaml": platformYaml("portOffset: 100\nservices:\n  prefect:\n    ports:\n      api: 4201"),
    }),
  );
  expect(environment.find(["services", "prefect", "ports", "api"])).toBe("Pulumi.dev.yaml:7:11");
  expect(environment.find(["services", "core", "ports", "api"])).toBeUndefined();
  expect(environment.locate(["services", "core", "ports", "api"])).toBe("Pulumi.dev.yaml:4:5");
});

test("five problems are five, in the order of the file, and the pipelines' come after", () => {
  const yaml = platformYaml(`
    portOffset: -1
    taget: docker
    services:
      postgres:
        storage:
          data: 20GB
      prefect:
        options:
          retention: a month
    data:
      policy: keep
  `);
  const files = {
    "Pulumi.dev.yaml": yaml,
    "pipelines/hello/pipeline.yaml": "summary: Says hello.\nentrypoint: flow.py:hello\npriority: urgent\n",
  };
  const { problems, exitCode, code } = configError(makeProject(files));
  expect(problems.map(({ path, at }) => `${path.join(".")} ${at}`)).toEqual([
    "portOffset Pulumi.dev.yaml:3:5",
    "taget Pulumi.dev.yaml:4:5",
    "services.postgres.storage.data Pulumi.dev.yaml:8:11",
    "services.prefect.options.retention Pulumi.dev.yaml:11:11",
    "data.policy Pulumi.dev.yaml:13:7",
    "priority pipelines/hello/pipeline.yaml:3:1",
  ]);
  expect([exitCode, code]).toEqual([2, "E_CONFIG"]);
});

test("what does not fit together is found all at once as well", () => {
  const yaml = platformYaml(`
    services:
      postgres:
        enabled: false
      prefect:
        ports:
          api: 9001
    secrets:
      versions:
        prefect/amin: 2
  `);
  expect(
    configError(makeProject({ "Pulumi.dev.yaml": yaml })).problems.map(({ path }) => path.join(".")),
  ).toEqual(["services.prefect.needs.db", "services.prefect.ports.api", "secrets.versions.prefect/amin"]);
});

test.each(["Dev", "1dev", "dev_1", "dev-", "d".repeat(41), "", "dev/../prod"])(
  "a stack %j is refused",
  (stack) => {
    expect(errorText(makeProject({}), stack)).toBe(
      `✖ stack: expected a name of at most 40 lower case letters, digits and -, received ${JSON.stringify(stack)}`,
    );
  },
);

describe("service files", () => {
  const yaml = platformYaml("serviceFiles: [services/notes.yaml]");
  const json = platformYaml("serviceFiles: [services/notes.json]");
  const asJson = JSON.stringify(parse(notes), undefined, 2);

  test("a service in JSON is the service in YAML", () => {
    const one = declare(makeProject({ "Pulumi.dev.yaml": yaml, "services/notes.yaml": notes }));
    const other = declare(makeProject({ "Pulumi.dev.yaml": json, "services/notes.json": asJson }));
    expect(other.model).toEqual(one.model);
    expect(one.model.services.at(-1)?.name).toBe("notes");
  });

  test("a problem in JSON is located as in YAML", () => {
    const broken = asJson.replace('"image": "python"', '"image": "pyton"');
    expect(errorText(makeProject({ "Pulumi.dev.yaml": json, "services/notes.json": broken }))).toBe(
      [
        '✖ parts.main.image: expected one of the images base, python, pipelines, services, spark, notebook, dashboard, core, gateway, test, browser, received "pyton"',
        "  → services/notes.json:19:7",
        "  Did you mean python?",
      ].join("\n"),
    );
  });

  test("a service of a file is configured as a built-in one is", () => {
    const files = {
      "Pulumi.dev.yaml": `${yaml}${"    services:\n      notes:\n        ports: { web: 8099 }\n        resources: { main: { memory: 64Mi } }\n"}`,
      "services/notes.yaml": notes,
    };
    const workload = declare(makeProject(files)).model.services.at(-1)?.workloads[0];
    expect([workload?.endpoints[0]?.published, workload?.memoryBytes]).toEqual([8099, 64 * 2 ** 20]);
  });

  test("a part may be drained before it is stopped, and need not be", () => {
    const resources = "    resources: { cpu: 100m, memory: 128Mi }\n";
    const drain = (line: string) => {
      const files = {
        "Pulumi.dev.yaml": yaml,
        "services/notes.yaml": notes.replace(resources, `${resources}${line}`),
      };
      return declare(makeProject(files)).model.services.at(-1)?.workloads[0]?.drain;
    };
    expect(drain("")).toBeNull();
    expect(drain("    drain: { command: [notes, drain], within: 2m }\n")).toEqual({
      command: ["notes", "drain"],
      withinSeconds: 120,
    });
    expect(drain("    drain: { command: [notes] }\n")?.withinSeconds).toBe(60);
  });

  test("a part may say how it gets into a backup, when one container holds it all", () => {
    const resources = "    resources: { cpu: 100m, memory: 128Mi }\n";
    const dump = (lines: string) => {
      const files = {
        "Pulumi.dev.yaml": yaml,
        "services/notes.yaml": notes.replace(resources, `${resources}${lines}`),
      };
      return declare(makeProject(files)).model.services.at(-1)?.workloads[0]?.dump;
    };
    expect(dump("")).toBeNull();
    expect(dump("    dump: { command: [notes, dump] }\n")).toEqual({ command: ["notes", "dump"] });
    expect(() => dump("    replicas: 2\n    dump: { command: [notes] }\n")).toThrow(
      "parts.main.dump: expected no dump for a part with several replicas, received one",
    );
  });

  test("an image that a registry has by digest is known", () => {
    const digests = ["base", "core", "python", "pipelines", "services", "mine"].map(
      (name) => `\n        ${name}: sha256:${"a".repeat(64)}`,
    );
    const files = {
      "Pulumi.dev.yaml": `${yaml}    images:\n      source: registry\n      registry: registry.example.com/team\n      digests:${digests.join("")}\n`,
      "services/notes.yaml": notes.replace("image: python", "image: mine"),
    };
    expect(declare(makeProject(files)).model.services.at(-1)?.workloads[0]?.image).toBe("mine");
  });
});

describe("pipelines", () => {
  const full = {
    summary: "Says hello.",
    entrypoint: "flow.py:hello",
    schedule: { cron: "0 6 * * mon-fri", timezone: "Europe/Berlin" },
    retries: { count: 3, delay: "10s", backoff: "exponential", maxDelay: "2m" },
    timeout: "30m",
    priority: "high",
    concurrency: 2,
    parameters: { limit: 10, nested: { list: [1, "two", null, true] } },
    tags: ["daily"],
    freshness: {},
    paused: true,
  };
  const load = (files: Record<string, string>) =>
    loadEnvironment(makeProject(files, { bare: true }), "dev", services).pipelines;
  const flow = { "pipelines/hello/flow.py": "x" };

  test("every field reaches the model in its units", () => {
    const [pipeline] = load({ ...flow, "pipelines/hello/pipeline.yaml": stringify(full) });
    expect(pipeline).toEqual({
      name: "hello",
      version: expect.stringMatching(/^[0-9a-f]{16}$/),
      summary: "Says hello.",
      entrypoint: "flow.py:hello",
      schedule: { cron: "0 6 * * mon-fri", timezone: "Europe/Berlin" },
      retries: { count: 3, delaySeconds: 10, backoff: "exponential", maxDelaySeconds: 120 },
      timeoutSeconds: 1800,
      priority: "high",
      concurrency: 2,
      parameters: { limit: 10, nested: { list: [1, "two", null, true] } },
      tags: ["daily"],
      freshness: {},
      paused: true,
    });
  });

  test("a short definition gets the defaults", () => {
    const [pipeline] = load(goodPipeline);
    expect(pipeline).toEqual({
      name: "hello",
      version: expect.any(String),
      summary: "Says hello.",
      entrypoint: "flow.py:hello",
      schedule: null,
      retries: { count: 0, delaySeconds: 10, backoff: "exponential", maxDelaySeconds: 600 },
      timeoutSeconds: null,
      priority: "normal",
      concurrency: null,
      parameters: {},
      tags: [],
      freshness: {},
      paused: false,
    });
  });

  test("a definition in JSON is the definition in YAML", () => {
    const [{ version: _one, ...yaml } = {} as never] = load({
      ...flow,
      "pipelines/hello/pipeline.yaml": stringify(full),
    });
    const [{ version: _other, ...json } = {} as never] = load({
      ...flow,
      "pipelines/hello/pipeline.json": JSON.stringify(full),
    });
    expect(json).toEqual(yaml);
  });

  test("the version changes with the files and the definition, and with nothing else", () => {
    const version = (files: Record<string, string>) => load({ ...goodPipeline, ...files })[0]?.version;
    const before = version({});
    expect(version({ "pipelines/hello/__pycache__/flow.pyc": "x", "pipelines/hello/.hidden": "x" })).toBe(
      before,
    );
    expect(version({ "README.md": "x", "pipelines/other/notes.txt": "x" })).toBe(before);
    expect(version({ "pipelines/hello/flow.py": "def hello(): ...\n" })).not.toBe(before);
    expect(version({ "pipelines/hello/gold/new.sql": "SELECT 1" })).not.toBe(before);
    expect(
      version({ "Pulumi.dev.yaml": platformYaml("pipelines: { overrides: { hello: { paused: true } } }") }),
    ).not.toBe(before);
  });

  test("a stack's overrides replace fields and merge parameters", () => {
    const yaml = platformYaml(`
      pipelines:
        overrides:
          hello:
            schedule: { every: 2h }
            parameters: { limit: 5 }
            timeout: 1m
    `);
    const [pipeline] = load({
      ...flow,
      "pipelines/hello/pipeline.yaml": stringify(full),
      "Pulumi.dev.yaml": yaml,
    });
    expect(pipeline).toMatchObject({
      schedule: { intervalSeconds: 7200 },
      parameters: { limit: 5, nested: { list: [1, "two", null, true] } },
      timeoutSeconds: 60,
      priority: "high",
    });
  });

  test("only: [] deploys none, and a broken one that is left out does not matter", () => {
    const broken = { ...goodPipeline, "pipelines/broken/pipeline.yaml": "summary: [" };
    expect(load({ ...broken, "Pulumi.dev.yaml": platformYaml("pipelines: { only: [] }") })).toEqual([]);
    expect(
      load({ ...broken, "Pulumi.dev.yaml": platformYaml("pipelines: { only: [hello] }") }).map(
        ({ name }) => name,
      ),
    ).toEqual(["hello"]);
  });

  test("what makes up for missed runs reaches the model; the default is no difference", () => {
    const scheduleOf = (schedule: object) =>
      load({ ...flow, "pipelines/hello/pipeline.yaml": stringify({ ...full, schedule }) })[0]?.schedule;
    expect(scheduleOf({ cron: "0 6 * * *", catchUp: "none" })).toEqual({
      cron: "0 6 * * *",
      timezone: "UTC",
      catchUp: "none",
    });
    expect(scheduleOf({ every: "5m", catchUp: "all" })).toEqual({ intervalSeconds: 300, catchUp: "all" });
    expect(scheduleOf({ every: "5m", catchUp: "one" })).toEqual({ intervalSeconds: 300 });
  });

  test.each(["US/Pacific", "Asia/Calcutta", "Etc/UTC", "UTC", "America/Argentina/Buenos_Aires"])(
    "the time zone %s is taken",
    (timezone) => {
      const definition = { ...full, schedule: { cron: "0 6 * * *", timezone } };
      const [pipeline] = load({ ...flow, "pipelines/hello/pipeline.yaml": stringify(definition) });
      expect(pipeline?.schedule).toEqual({ cron: "0 6 * * *", timezone });
    },
  );
});
