import fc from "fast-check";
import type { ServiceDefinition } from "../../src/model/service.ts";
import { foundation as services } from "./project.ts";

const size = fc
  .tuple(fc.integer({ min: 16, max: 9999 }), fc.constantFrom("Mi", "Gi"))
  .map(([n, unit]) => `${n}${unit}`);
const cpu = fc.oneof(
  fc.integer({ min: 10, max: 64_000 }).map((n) => `${n}m`),
  fc.integer({ min: 1, max: 64 }),
  fc.integer({ min: 1, max: 64 }).map(String),
);
const some = <T>(model: Record<string, fc.Arbitrary<T>>) => fc.record(model, { requiredKeys: [] });
const entries = <T>(names: readonly string[], value: (name: string) => fc.Arbitrary<T>) =>
  some(Object.fromEntries(names.map((name) => [name, value(name)])));

const published = (service: ServiceDefinition) =>
  Object.values(service.parts).flatMap((part) =>
    Object.entries(part.endpoints ?? {}).flatMap(([name, e]) => (e.published ? [name] : [])),
  );
const volumes = (service: ServiceDefinition) =>
  Object.values(service.parts).flatMap((part) => Object.keys(part.volumes ?? {}));

const allPorts = services.flatMap((service) => published(service).map((name) => `${service.name}.${name}`));

/** Every published port moved to one of its own, or unpublished. */
const ports = fc
  .tuple(
    fc.uniqueArray(fc.integer({ min: 1, max: 15_535 }), {
      minLength: allPorts.length,
      maxLength: allPorts.length,
    }),
    fc.array(fc.boolean(), { minLength: allPorts.length, maxLength: allPorts.length }),
  )
  .map(
    ([numbers, open]) =>
      new Map<string, number | false>(
        allPorts.map((name, i) => [name, open[i] || name === "core.api" ? (numbers[i] as number) : false]),
      ),
  );

const policy = fc.constantFrom("retain", "delete");

function serviceConfig(service: ServiceDefinition, given: ReadonlyMap<string, number | false>) {
  const parts = Object.keys(service.parts);
  const names = published(service);
  return fc.record(
    {
      resources: entries(parts, () => some<unknown>({ cpu, memory: size })),
      ...(names.length > 0 && {
        ports: fc.constant(Object.fromEntries(names.map((n) => [n, given.get(`${service.name}.${n}`)]))),
      }),
      ...(volumes(service).length > 0 && { storage: entries(volumes(service), () => size), data: policy }),
    },
    { requiredKeys: names.length > 0 ? (["ports"] as never[]) : [] },
  );
}

/** What the targets that run on Kubernetes need to be told. */
const cluster = {
  images: { source: "registry" },
  kubernetes: { context: "lab", ingress: { host: "lab.example.com" } },
};
const account = { accountId: "123456789012", region: "eu-central-1" };
const needed: Readonly<Record<string, object>> = { kubernetes: cluster, aws: { ...cluster, aws: account } };

/** Any platform object that is right, for the built-in services. */
export const validConfig: fc.Arbitrary<Record<string, unknown>> = ports.chain((given) =>
  fc
    .record(
      {
        target: fc.constantFrom("docker", "kubernetes", "aws"),
        portOffset: fc.integer({ min: 0, max: 50_000 }),
        data: some<unknown>({ policy }),
        services: fc.record(Object.fromEntries(services.map((s) => [s.name, serviceConfig(s, given)]))),
        secrets: fc.record({ versions: some({ "prefect/admin": fc.integer({ min: 1, max: 1000 }) }) }),
        pipelines: some<unknown>({ overrides: fc.record({ hello: some({ paused: fc.boolean() }) }) }),
      },
      { requiredKeys: ["services"] },
    )
    .map((config) => ({ ...config, ...needed[config.target ?? ""] }))
    .chain((config) => fc.boolean().map((enabled) => (enabled ? config : withoutPrefect(config)))),
);

/** Prefect needs the others; nothing needs it. */
function withoutPrefect<T extends { services: Record<string, unknown> }>(config: T): T {
  const { prefect } = config.services;
  return { ...config, services: { ...config.services, prefect: { ...(prefect as object), enabled: false } } };
}

/** Objects whose keys are those of a configuration and whose values are anything. */
export const nearlyConfig: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  object: fc.dictionary(
    fc.constantFrom(
      ...[
        "target",
        "portOffset",
        "images",
        "data",
        "services",
        "serviceFiles",
        "pipelines",
        "secrets",
        "policy",
      ],
      ...[
        "core",
        "postgres",
        "prefect",
        "enabled",
        "resources",
        "main",
        "cpu",
        "memory",
        "ports",
        "api",
        "storage",
      ],
      ...[
        "options",
        "folder",
        "only",
        "overrides",
        "hello",
        "schedule",
        "cron",
        "every",
        "timezone",
        "parameters",
      ],
      ...["versions", "digests", "registry", "constructor", "__proto__", "toString", ""],
    ),
    tie("value"),
    { maxKeys: 6 },
  ),
  value: fc.oneof(
    { maxDepth: 6, depthSize: "large", withCrossShrink: true },
    fc.constantFrom<unknown>(
      null,
      true,
      0,
      -1,
      1e300,
      "docker",
      "20Gi",
      "1e-7",
      1e-7,
      "pipelines",
      "/dev/null",
      "..",
      "\u0000",
      "",
    ),
    fc.array(tie("value"), { maxLength: 2 }),
    tie("object"),
    tie("object"),
  ),
})).object;
