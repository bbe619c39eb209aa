import { describe, expect, test } from "vitest";
import type { PlatformModel, WorkloadModel } from "../../../src/model/platform.ts";
import { t, template } from "../../../src/model/refs.ts";
import { checkPolicy, rules } from "../../../src/model/resolve/policy.ts";
import { declare, makeProject } from "../../support/project.ts";

const good: WorkloadModel = {
  name: "notes",
  service: "notes",
  part: "main",
  image: "base",
  command: [template("sleep"), template("infinity")],
  env: { KEY: t`${{ ref: "secret", id: "notes/key" }}` },
  files: { "settings.json": template("{}") },
  endpoints: [],
  probe: { command: ["true"], everySeconds: 10, withinSeconds: 30 },
  volumes: [],
  milliCpu: 10,
  memoryBytes: 16 * 2 ** 20,
  tmpBytes: 2 ** 26,
  oneShot: false,
  replicas: 1,
  host: [],
  ports: [],
  drain: null,
  dump: null,
  stopGraceSeconds: 10,
  tools: {},
  waitFor: [],
  scale: null,
  scalable: false,
  updateOrder: "stop-first",
  spawns: [],
  homes: [],
  reaches: [],
  afterOneShots: [],
  buckets: [],
};
const volume = { name: "data", path: "/data", sizeBytes: 1, policy: "retain" } as const;
const endpoint = {
  name: "web",
  summary: "s",
  port: 80,
  protocol: "http",
  scheme: "http",
  published: null,
  browser: false,
  path: "/",
  auth: "gateway",
  login: null,
} as const;

/** Each rule: what keeps it, and what breaks it with which words. */
const cases: Record<string, { keeps: Partial<WorkloadModel>; breaks: [Partial<WorkloadModel>, string][] }> = {
  "no secret among arguments": {
    keeps: { command: [t`--url=${{ ref: "address", workload: "w", endpoint: "e", part: "url" }}`] },
    breaks: [
      [
        { command: [template("run"), t`--password=${{ ref: "secret", id: "notes/key" }}`] },
        "expected secrets only in env or files, received one in the command, where every process can read it",
      ],
    ],
  },
  "every long-running part has a probe": {
    keeps: { probe: null, oneShot: true },
    breaks: [[{ probe: null }, "expected a probe, received none"]],
  },
  "every part has limits": {
    keeps: { memoryBytes: 16 * 2 ** 20, milliCpu: 10 },
    breaks: [
      [
        { memoryBytes: 16 * 2 ** 20 - 1 },
        "expected at least 16Mi of memory and 10m of CPU, received 16777215 bytes and 10m",
      ],
      [{ milliCpu: 9 }, "expected at least 16Mi of memory and 10m of CPU, received 16777216 bytes and 9m"],
    ],
  },
  "a one-shot holds no data and serves nothing": {
    keeps: { volumes: [volume], endpoints: [endpoint] },
    breaks: [
      [{ oneShot: true, volumes: [volume] }, "expected neither volumes nor endpoints for a one-shot part"],
      [
        { oneShot: true, endpoints: [endpoint] },
        "expected neither volumes nor endpoints for a one-shot part",
      ],
    ],
  },
  "a part with replicas holds no data": {
    keeps: { replicas: 3, volumes: [] },
    breaks: [
      [
        { replicas: 2, volumes: [volume] },
        "expected no volumes for a part with 2 replicas, because each would need its own",
      ],
    ],
  },
  "a file stays in its folder": {
    keeps: { files: { "a.b-c_1.json": template("x") } },
    breaks: [
      [{ files: { "../x": template("") } }, 'expected a plain file name other than env, received "../x"'],
      [{ files: { "a/b/c": template("") } }, 'expected a plain file name other than env, received "a/b/c"'],
      [{ files: { env: template("") } }, 'expected a plain file name other than env, received "env"'],
      [{ files: { ".x": template("") } }, 'expected a plain file name other than env, received ".x"'],
    ],
  },
};

test("every rule has its cases here", () => {
  expect(Object.keys(cases)).toEqual(rules.map(({ name }) => name));
});

describe.each(rules)("$name", ({ name, check }) => {
  test("is kept", () => {
    expect(check(good)).toBeUndefined();
    expect(check({ ...good, ...cases[name]?.keeps })).toBeUndefined();
  });

  test.each(cases[name]?.breaks ?? [])("is broken by %j", (change, words) => {
    expect(check({ ...good, ...change })).toBe(words);
  });
});

test("all that is broken is said at once, with the part and the rule", () => {
  const { model } = declare(makeProject({}));
  const [core] = model.services;
  const broken: PlatformModel = {
    ...model,
    services: [
      {
        ...(core as never as PlatformModel["services"][number]),
        name: "notes",
        workloads: [{ ...good, probe: null, milliCpu: 1 }],
      },
    ],
  };
  expect(() => checkPolicy(broken)).toThrow(
    [
      "✖ services.notes.parts.main: expected a probe, received none (policy: every long-running part has a probe)",
      "✖ services.notes.parts.main: expected at least 16Mi of memory and 10m of CPU, received 16777216 bytes and 1m (policy: every part has limits)",
    ].join("\n"),
  );
});

test("the default platform keeps every rule", () => {
  expect(() => checkPolicy(declare(makeProject({})).model)).not.toThrow();
});
