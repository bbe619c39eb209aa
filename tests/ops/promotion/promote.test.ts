import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { withValue } from "../../../src/config/edit.ts";
import { platformJsonSchema } from "../../../src/config/json-schema.ts";
import { lockCheckout, thisProcess } from "../../../src/ops/lock.ts";
import { fieldsOf, parts, promotionChanges, rollbackChanges } from "../../../src/ops/promotion/fields.ts";
import { promote, releaseBefore, rollback } from "../../../src/ops/promotion/promote.ts";
import { changeText } from "../../../src/ops/promotion/promote-text.ts";
import { gitProblems, orderProblem } from "../../../src/ops/promotion/source.ts";
import type { ReleaseRecord } from "../../../src/ops/release/record.ts";
import { services } from "../../../src/services/index.ts";
import { makeProject } from "../../support/project.ts";

const schema = platformJsonSchema(services);
const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const commit = "c".repeat(40);

const recordOf = (given: Record<string, unknown>, more: Partial<ReleaseRecord> = {}): ReleaseRecord => ({
  format: 1,
  id: "r1",
  stack: "dev",
  target: "docker",
  at: "2026-01-31T12:00:00.000Z",
  by: { user: "ann", host: "h" },
  content: "x",
  git: { commit, dirty: [] },
  schema: { version: "0", config: "s" },
  images: {},
  services: {},
  pipelines: {},
  given,
  config: {},
  capacity: {},
  volumes: [],
  changes: {},
  steps: [],
  promoted: null,
  restores: null,
  ...more,
});

const dev = {
  portOffset: 100,
  images: { source: "build" },
  serviceFiles: ["notes.yaml"],
  services: {
    prefect: {
      resources: { worker: { memory: "9Gi" } },
      options: { retention: "7d", workerConcurrency: 9 },
      ports: { api: false },
    },
    gateway: { options: { sessionHours: 8, hosts: ["dev.example.com"] } },
    mlflow: { enabled: false },
  },
  pipelines: { only: ["hello"], overrides: { hello: { paused: true } } },
  secrets: { versions: { "prefect/admin": 7 } },
};
const file = `# Staging. Ask the platform team.
encryptionsalt: v1:abc
config:
  datalab:platform:
    images:
      source: registry
      registry: registry.example.com/lab # ours
      digests:
        core: ${digest("a")}
    services:
      prefect:
        resources: { worker: { memory: 4Gi } } # measured
        options: { retention: 30d }
      spark: { options: { idleTimeout: 5m } }
  datalab:masterSecret:
    secure: v1:def
`;
const staging = parse(file).config["datalab:platform"];
const promoted = { from: "dev", release: "r1", commit, pipelines: { hello: "0123456789abcdef" } };
const changesOf = (only = parts as readonly (typeof parts)[number][]) =>
  promotionChanges({
    record: recordOf(dev),
    target: staging,
    schema,
    digests: { core: digest("b"), pipelines: digest("d") },
    promoted,
    only,
  });
const apply = (text: string, changes: ReturnType<typeof changesOf>) =>
  fieldsOf(changes).reduce((t, [path, value]) => withValue(t, path, value), text);

describe("what a promotion writes", () => {
  test("is what all stacks share, the digests, and where they come from", () => {
    expect(changesOf().map((c) => [c.part, changeText(c)])).toEqual([
      ["config", 'serviceFiles: the default → ["notes.yaml"]'],
      ["config", "services.prefect.options.retention: 30d → 7d"],
      ["config", "services.gateway.options.sessionHours: the default → 8"],
      ["config", "services.mlflow.enabled: the default → false"],
      ["pipelines", 'pipelines.only: the default → ["hello"]'],
      ["config", "services.spark.options.idleTimeout: 5m → the default"],
      ["services", "images.digests.core: sha256:aaaaaaaaaaaa → sha256:bbbbbbbbbbbb"],
      ["pipelines", "images.digests.pipelines: the default → sha256:dddddddddddd"],
      ["config", `promoted: the default → r1 (commit ${commit.slice(0, 12)})`],
    ]);
  });

  test("keeps comments, and the environment's own values: sizes, hosts, ports, secrets never travel", () => {
    const after = apply(file, changesOf());
    expect(after).toBe(`# Staging. Ask the platform team.
encryptionsalt: v1:abc
config:
  datalab:platform:
    images:
      source: registry
      registry: registry.example.com/lab # ours
      digests:
        core: ${digest("b")}
        pipelines: ${digest("d")}
    services:
      prefect:
        resources: { worker: { memory: 4Gi } } # measured
        options: { retention: 7d }
      gateway:
        options:
          sessionHours: 8
      mlflow:
        enabled: false
    serviceFiles:
      - notes.yaml
    pipelines:
      only:
        - hello
    promoted:
      from: dev
      release: r1
      commit: ${commit}
      pipelines:
        hello: 0123456789abcdef
  datalab:masterSecret:
    secure: v1:def
`);
  });

  test.each([
    ["services", ["images.digests.core", "promoted"]],
    ["pipelines", ["pipelines.only", "images.digests.pipelines", "promoted"]],
    [
      "config",
      [
        "serviceFiles",
        "services.prefect.options.retention",
        "services.gateway.options.sessionHours",
        "services.mlflow.enabled",
        "services.spark.options.idleTimeout",
        "promoted",
      ],
    ],
  ] as const)("--only %s takes that part", (part, paths) => {
    expect(changesOf([part]).map(({ path }) => path.join("."))).toEqual(paths);
  });

  test("is nothing the second time", () => {
    const target = parse(apply(file, changesOf())).config["datalab:platform"];
    const again = promotionChanges({
      record: recordOf(dev),
      target,
      schema,
      digests: { core: digest("b"), pipelines: digest("d") },
      promoted,
      only: parts,
    });
    expect(again).toEqual([]);
  });

  test("without the pipelines, their versions stay those that were promoted before", () => {
    const target = {
      ...staging,
      promoted: { ...promoted, release: "r0", pipelines: { hello: "f".repeat(16) } },
    };
    const input = { record: recordOf(dev), target, schema, digests: {}, promoted };
    expect(promotionChanges({ ...input, only: ["config"] }).at(-1)?.to).toEqual({
      ...promoted,
      pipelines: { hello: "f".repeat(16) },
    });
  });
});

test("a rollback brings the whole file back but secrets and what protects it", () => {
  const now = {
    portOffset: 5,
    services: { spark: { enabled: false } },
    secrets: { versions: { "a/b": 2 } },
    protect: true,
  };
  const before = recordOf({
    images: { digests: { core: digest("a") } },
    services: { prefect: { storage: {} } },
  });
  expect(rollbackChanges(before, now, schema).map(changeText)).toEqual([
    "images.digests.core: the default → sha256:aaaaaaaaaaaa",
    "portOffset: 5 → the default",
    "services.spark.enabled: false → the default",
  ]);
});

describe("the release to go back to", () => {
  const at = (id: string, core: string, restores: string | null = null) =>
    recordOf(
      { portOffset: 1 },
      { id, restores, images: { core: { tag: null, id: null, digest: digest(core) } } },
    );

  test.each([
    ["the one before", [at("r1", "a"), at("r2", "b")], "r1"],
    ["the last that was something else", [at("r1", "a"), at("r2", "b"), at("r3", "b")], "r1"],
    [
      "the one before what was brought back",
      [at("r1", "a"), at("r2", "b"), at("r3", "c"), at("r4", "b", "r2")],
      "r1",
    ],
  ])("is %s", (_name, records, id) => {
    expect(releaseBefore(records, "staging").id).toBe(id);
  });

  test.each([[[]], [[at("r1", "a")]], [[at("r1", "a"), at("r2", "a")]]])("is not there in %#", (records) => {
    expect(() => releaseBefore(records, "staging")).toThrow(
      "The stack staging has no earlier release for a rollback.",
    );
  });
});

describe("a source is refused", () => {
  const order = ["dev", "staging", "prod"];

  test.each([
    ["dev", "staging", undefined],
    ["staging", "prod", undefined],
    ["dev", "prod", "order: expected staging after dev, received prod: staging would be skipped"],
    ["prod", "dev", "order: expected a stack after prod in dev → staging → prod, received dev"],
    ["dev", "dev", "order: expected a stack after dev in dev → staging → prod, received dev"],
    ["team-a", "staging", "order: expected stacks of dev → staging → prod, received team-a"],
  ])("%s to %s: %s", (source, target, problem) => {
    expect(orderProblem(order, source, target)).toBe(problem);
  });

  test("when it was deployed from changes that are in no commit", () => {
    const dirty = ["a", "b", "c", "d", "e", "f", "g"];
    expect(gitProblems(recordOf({}, { git: { commit, dirty: [] } }))).toEqual([]);
    expect(gitProblems(recordOf({}, { git: { commit, dirty } }))).toEqual([
      "git: expected dev to be deployed from a commit, received uncommitted changes: a, b, c, d, e and 2 more",
    ]);
    expect(gitProblems(recordOf({}, { git: { commit: null, dirty: [] } }))).toEqual([
      "git: expected dev to be deployed from a commit, received files that are in no repository",
    ]);
  });
});

describe("a target that another command works on", () => {
  const locked = { code: "E_LOCKED", message: expect.stringContaining("datalab up of ") };
  const options = {
    target: "staging",
    dryRun: false,
    deploy: true,
    reporter: { step: () => ({ update: () => {}, done: () => {}, fail: () => {} }) },
    signal: new AbortController().signal,
    confirm: async () => true,
  };

  test("is neither looked at nor changed: the other one may be writing its file", async () => {
    const project = makeProject({ "Pulumi.dev.yaml": "", "Pulumi.staging.yaml": "" });
    const lock = lockCheckout(project, "staging", thisProcess("datalab up"));
    try {
      await expect(promote({ ...options, project, source: "dev" })).rejects.toMatchObject(locked);
      await expect(rollback({ ...options, project })).rejects.toMatchObject(locked);
    } finally {
      lock.release();
    }
  });
});
