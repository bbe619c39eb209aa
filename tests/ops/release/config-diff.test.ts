import { describe, expect, test } from "vitest";
import { platformJsonSchema } from "../../../src/config/json-schema.ts";
import { decidedKeys, ownerOf } from "../../../src/config/ownership.ts";
import { configDiff, configDiffText } from "../../../src/ops/release/config-diff.ts";
import { foundation, makeProject, platformYaml } from "../../support/project.ts";

const diffOf = (files: Record<string, string>, a = "dev", b = "prod") => {
  const yaml = Object.entries(files).map(([stack, text]) => [`Pulumi.${stack}.yaml`, platformYaml(text)]);
  return configDiff(makeProject(Object.fromEntries(yaml)), a, b, foundation);
};
const retention = (days: string) => `services: { prefect: { options: { retention: ${days} } } }`;

test("every difference has its path, both values, and where each is set", () => {
  const diff = diffOf({
    dev: "portOffset: 100",
    prod: "services:\n  prefect:\n    options:\n      retention: 90d\n  postgres:\n    enabled: true",
  });
  expect(diff).toEqual({
    a: "dev",
    b: "prod",
    others: [],
    unread: [],
    differences: [
      {
        path: "portOffset",
        a: { stack: "dev", value: 100, at: "Pulumi.dev.yaml:3:5" },
        b: { stack: "prod", value: 0, at: null },
        others: [],
        owner: "ports",
        accident: null,
      },
      {
        path: "services.prefect.options.retention",
        a: { stack: "dev", value: "30d", at: null },
        b: { stack: "prod", value: "90d", at: "Pulumi.prod.yaml:6:11" },
        others: [],
        owner: null,
        accident: null,
      },
    ],
  });
  expect(configDiffText(diff)).toBe(`dev and prod differ in 2 values.

Differences
  services.prefect.options.retention
    dev   "30d"  default
    prod  "90d"  Pulumi.prod.yaml:6:11

Belongs to the environment
  portOffset (ports)
    dev   100  Pulumi.dev.yaml:3:5
    prod  0    default`);
});

test("of three stacks, a value that is the same in two and different in one is marked", () => {
  const diff = diffOf({ dev: "{}", staging: "{}", prod: retention("90d") });
  expect(diff.differences.map(({ path, accident }) => [path, accident])).toEqual([
    ["services.prefect.options.retention", "prod"],
  ]);
  expect(configDiffText(diff)).toBe(`dev and prod differ in 1 value; compared with staging as well.

Accidents? The other stacks agree
  services.prefect.options.retention, different in prod
    dev      "30d"  default
    prod     "90d"  Pulumi.prod.yaml:3:39
    staging  "30d"  default`);
});

test("three different values are no accident", () => {
  const diff = diffOf({ dev: retention("7d"), staging: "{}", prod: retention("90d") });
  expect(diff.differences.map(({ accident }) => accident)).toEqual([null]);
});

test("sizes, hosts, ports, secrets, cluster and budget belong to the environment", () => {
  const diff = diffOf({
    dev: "{}",
    staging: "{}",
    prod: `
      target: kubernetes
      portOffset: 7
      images: { source: registry, registry: registry.example.com/lab, digests: { core: sha256:${"a".repeat(64)} } }
      budget: { memory: 20Gi }
      data: { policy: delete }
      protect: true
      kubernetes: { context: prod, ingress: { host: lab.example.com } }
      secrets: { versions: { prefect/admin: 2 } }
      services:
        prefect: { resources: { worker: { memory: 4Gi } }, options: { workerConcurrency: 9 } }
        postgres: { storage: { data: 99Gi }, ports: { sql: false }, data: retain }
        object-store: { options: { engine: versitygw } }`,
  });
  expect(Object.fromEntries(diff.differences.map(({ path, owner }) => [path, owner]))).toEqual({
    target: "place",
    portOffset: "ports",
    "images.source": "place",
    "images.registry": "place",
    "images.digests.core": "release",
    "budget.memory": "budget",
    "data.policy": "data",
    protect: "safety",
    "kubernetes.context": "cluster",
    "kubernetes.ingress.host": "cluster",
    "secrets.versions.prefect/admin": "secrets",
    "services.prefect.resources.worker.memory": "sizes",
    "services.prefect.options.workerConcurrency": "sizes",
    "services.postgres.storage.data": "sizes",
    "services.postgres.ports.sql": "ports",
    "services.postgres.data": "data",
    "services.object-store.options.engine": "data",
  });
  expect(diff.differences.every(({ accident }) => accident === null)).toBe(true);
});

describe("stacks that can't be read", () => {
  test("are named, and left out, when they are others", () => {
    const diff = diffOf({ dev: "{}", prod: retention("90d"), broken: "taget: docker" });
    expect(diff.others).toEqual([]);
    expect(diff.unread.map(({ stack }) => stack)).toEqual(["broken"]);
    expect(diff.unread[0]?.reason).toMatch(/^taget: expected one of target, .* "taget"$/);
  });

  test("are an error with all problems of both when they are asked for", () => {
    expect(() => diffOf({ dev: "taget: docker", prod: "portOffset: x" })).toThrow(
      /✖ taget: expected one of[\s\S]*✖ portOffset: expected a whole number/,
    );
  });
});

test("what is alike says so", () => {
  expect(configDiffText(diffOf({ dev: "{}", prod: "{}" }))).toBe("dev and prod have the same configuration.");
});

test("somebody has decided for every key of the platform whether it travels", () => {
  expect(
    Object.keys(platformJsonSchema(foundation).properties ?? {}).filter((key) => !decidedKeys.has(key)),
  ).toEqual([]);
  const schema = platformJsonSchema(foundation);
  expect(ownerOf(schema, ["aws", "accountId"])).toBe("cluster");
  expect(ownerOf(schema, ["something-new", "x"])).toBe("place");
});
