import { expect, test } from "vitest";
import { z } from "zod";
import { database, endpoint, secret } from "../../src/model/needs.ts";
import type { PlatformModel, WorkloadModel } from "../../src/model/platform.ts";
import { defineService, type PlatformView, type ServiceDefinition } from "../../src/model/service.ts";
import { declare, foundation, makeProject, platformYaml } from "../support/project.ts";

/**
 * A gateway, and a service behind it with all that the vocabulary has; `seen` is the view that the gateway
 * was given.
 */
function platform(yaml = "") {
  let seen: PlatformView | undefined;
  const gateway = defineService({
    name: "gateway",
    summary: "The way in.",
    version: "1",
    needs: { token: secret({ user: "token", opens: "every API" }) },
    provides: { gateway: { part: "main", endpoint: "health", token: "token" } },
    parts: {
      main: {
        image: "base",
        command: ({ platform }) => {
          seen = platform;
          return ["run"];
        },
        endpoints: { health: { port: 2020, protocol: "http", summary: "its health" } },
        probe: { command: ["true"], within: "10s" },
        resources: { cpu: "50m", memory: "32Mi" },
      },
    },
    checks: {},
    backup: "none",
  });
  const notes = defineService({
    name: "notes",
    summary: "Notes.",
    version: ({ engine }) => `notes on ${engine}`,
    needs: {
      db: database("notes"),
      admin: secret({ user: "boss", opens: "notes" }),
      api: endpoint("prefect", "api", { wait: false }),
      extra: endpoint("extra", "ui", { optional: true }),
    },
    options: z.strictObject({
      engine: z.enum(["plain", "fancy"]).default("plain"),
      workers: z.int().default(1),
    }),
    parts: {
      main: {
        image: "base",
        command: () => ["run"],
        env: ({ needs, image, resources, networkName, instancePrefix }) => ({
          SPAWNS: image("python"),
          EXTRA: needs.extra === null ? "none" : needs.extra.url,
          API_USER: needs.api.user ?? "",
          MEMORY: String(resources.main?.memoryBytes),
          NETWORK: networkName,
          PREFIX: instancePrefix,
        }),
        endpoints: {
          ui: {
            port: 3000,
            protocol: "http",
            summary: "notes",
            published: 3100,
            browser: true,
            login: "admin",
            internal: ["/metrics"],
          },
        },
        metrics: {
          main: { endpoint: "ui", login: "admin" },
          jobs: { endpoint: "ui", path: "/jobs", every: "1m", bearer: "admin" },
        },
        volumes: {
          data: { path: "/data", size: "1Gi" },
          fancy: { path: "/fancy", size: "1Gi", enabled: ({ engine }) => engine === "fancy" },
        },
        probe: ({ options }) => ({ command: ["probe", options.engine], within: "10s" }),
        host: ["containers"],
        resources: { cpu: "50m", memory: "32Mi" },
      },
      worker: {
        image: "base",
        enabled: ({ workers }) => workers > 0,
        replicas: ({ workers }) => workers,
        command: () => ["work"],
        probe: { command: ["true"], within: "10s" },
        resources: { cpu: "50m", memory: "32Mi" },
      },
    },
    checks: {},
    collectors: {
      pages: {
        summary: "Pages.",
        needs: { db: database("notes-pages") },
        secrets: ["admin"],
        run: async () => [],
      },
    },
    alerts: ({ workers }) => [
      { name: "NotesTorn", expr: `pages < ${workers}`, for: "1m", severity: "warning", summary: "Torn." },
    ],
    backup: "none",
  });
  const extra = defineService({
    name: "extra",
    summary: "Extra.",
    version: "1",
    enabledByDefault: false,
    needs: {},
    parts: {
      main: {
        image: "base",
        command: () => ["run"],
        endpoints: { ui: { port: 1234, protocol: "http", summary: "extra", auth: "own" } },
        probe: { command: ["true"], within: "10s" },
        resources: { cpu: "50m", memory: "32Mi" },
      },
    },
    checks: {},
    backup: "none",
  });
  const known: ServiceDefinition[] = [...foundation, gateway, notes, extra];
  const project = makeProject({ "Pulumi.dev.yaml": yaml && platformYaml(yaml) });
  const { model } = declare(project, "dev", known);
  return { model, view: seen as unknown as PlatformView };
}

const workload = (model: PlatformModel, name: string) =>
  model.services.flatMap((s) => s.workloads).find((w) => w.name === name) as WorkloadModel;

test("a gateway publishes the ports of all, on the numbers that are published, and nobody else publishes any", () => {
  const { model } = platform("portOffset: 1000");
  const publishing = model.services.flatMap((s) => s.workloads).filter((w) => w.ports.length > 0);
  const ports = [4100, 5200, 6432, 8070, 10_000, 10_001];
  expect(publishing.map((w) => [w.name, w.ports])).toEqual([
    ["gateway", ports.map((port) => ({ internal: port, external: port }))],
  ]);
  expect(model.token).toBe("gateway/token");
});

test("without a gateway each publishes its own, from the port inside", () => {
  const { model } = platform("services: { gateway: { enabled: false } }");
  expect(workload(model, "notes").ports).toEqual([{ internal: 3000, external: 3100 }]);
  expect(model.token).toBeNull();
});

test("a disabled service is null to whoever can do without it, and an address once it is enabled", () => {
  expect(workload(platform().model, "notes").env.EXTRA).toEqual({ parts: ["none"] });
  const { model } = platform("services: { extra: { enabled: true } }");
  expect(workload(model, "notes").env.EXTRA).toEqual({
    parts: [{ ref: "address", workload: "extra", endpoint: "ui", part: "url" }],
  });
  // It neither orders nor delays a start.
  expect(workload(model, "notes").waitFor).toEqual([{ workload: "postgres", port: 5432 }]);
  expect(model.services.find((s) => s.name === "notes")?.dependsOn).toEqual(["postgres", "prefect"]);
});

test("an endpoint is granted with its login; images, limits and names reach a part", () => {
  expect(workload(platform().model, "notes").env).toMatchObject({
    SPAWNS: { parts: [{ ref: "image", name: "python" }] },
    API_USER: { parts: ["admin"] },
    MEMORY: { parts: [String(32 * 2 ** 20)] },
    NETWORK: { parts: ["datalab-dev"] },
    PREFIX: { parts: ["datalab-dev-"] },
  });
});

test("options decide on parts, replicas, volumes, probes and the version", () => {
  const { model } = platform("services: { notes: { options: { engine: fancy, workers: 3 } } }");
  expect(workload(model, "notes-worker").replicas).toBe(3);
  expect(workload(model, "notes").volumes.map((v) => v.name)).toEqual(["data", "fancy"]);
  expect(workload(model, "notes").probe?.command).toEqual(["probe", "fancy"]);
  expect(workload(model, "notes").host).toEqual(["containers"]);
  expect(model.services.find((s) => s.name === "notes")?.version).toBe("notes on fancy");
  const small = platform("services: { notes: { options: { workers: 0 } } }").model;
  expect(workload(small, "notes-worker")).toBeUndefined();
  expect(workload(small, "notes").volumes.map((v) => v.name)).toEqual(["data"]);
});

test("services see endpoints, scrapes, collectors, alerts and workloads of all", () => {
  const { view } = platform("portOffset: 10\nservices: { notes: { options: { workers: 2 } } }");
  const password = { ref: "secret", id: "notes/admin" };
  expect(view.endpoints.find((e) => e.workload === "notes")).toEqual({
    service: "notes",
    workload: "notes",
    name: "ui",
    summary: "notes",
    protocol: "http",
    scheme: "http",
    port: 3000,
    published: 3110,
    browser: true,
    path: "/",
    auth: "gateway",
    internal: ["/metrics"],
    selfGuarded: [],
    cookies: [],
    answers: {},
    login: { user: "boss", password },
  });
  expect(view.endpoints.find((e) => e.workload === "postgres")?.auth).toBe("own");
  const scrape = {
    service: "notes",
    workload: "notes",
    port: 3000,
    scheme: "http",
    replicas: 1,
    several: false,
  };
  expect(view.scrapes.filter((s) => s.service === "notes")).toEqual([
    {
      ...scrape,
      host: { ref: "address", workload: "notes", endpoint: "ui", part: "host" },
      job: "notes",
      path: "/metrics",
      everySeconds: 15,
      basic: { user: "boss", password },
      bearer: null,
    },
    {
      ...scrape,
      host: { ref: "address", workload: "notes", endpoint: "ui", part: "host" },
      job: "notes-jobs",
      path: "/jobs",
      everySeconds: 60,
      basic: null,
      bearer: password,
    },
  ]);
  expect(view.collectors.filter((c) => c.service === "notes")).toMatchObject([
    {
      name: "pages",
      everySeconds: 30,
      timeoutSeconds: 10,
      secrets: { admin: password },
      needs: { db: { name: "notes-pages", password: { ref: "secret", id: "core.notes.pages/db" } } },
    },
  ]);
  expect(view.alerts.filter((a) => a.service === "notes")).toEqual([
    {
      service: "notes",
      name: "NotesTorn",
      expr: "pages < 2",
      for: "1m",
      severity: "warning",
      summary: "Torn.",
    },
  ]);
  expect(view.workloads.filter((w) => w.service === "notes")).toEqual([
    {
      service: "notes",
      name: "notes",
      part: "main",
      replicas: 1,
      oneShot: false,
      memoryBytes: 32 * 2 ** 20,
      milliCpu: 50,
      volumes: [{ name: "data", sizeBytes: 2 ** 30 }],
    },
    {
      service: "notes",
      name: "notes-worker",
      part: "worker",
      replicas: 2,
      oneShot: false,
      memoryBytes: 32 * 2 ** 20,
      milliCpu: 50,
      volumes: [],
    },
  ]);
});

test("a need for an endpoint that nothing has is refused, optional or not", () => {
  const lost = defineService({
    name: "lost",
    summary: "Lost.",
    version: "1",
    needs: { ui: endpoint("nowhere", "ui", { optional: true }) },
    parts: {
      main: {
        image: "core",
        command: () => ["true"],
        probe: { command: ["true"], within: "10s" },
        resources: { cpu: "10m", memory: "16Mi" },
      },
    },
    checks: {},
    backup: "none",
  });
  expect(() => declare(makeProject({}), "dev", [...foundation, lost])).toThrow(
    /expected one of the endpoints core\.api, .*, received nowhere\.ui/,
  );
});

test("an optional need with wait is waited for where it is answered, and delays nothing where it is not", () => {
  const part = {
    image: "core" as const,
    command: () => ["true"],
    probe: { command: ["true"], within: "10s" },
    resources: { cpu: "10m", memory: "16Mi" },
  };
  const made = (name: string, needs: ServiceDefinition["needs"]) =>
    defineService({
      name,
      summary: "Calls or answers.",
      version: "1",
      needs,
      parts: {
        main: { ...part, endpoints: { ui: { port: 8081, protocol: "http", summary: "its page" } } },
      },
      checks: {},
      backup: "none",
    });
  const caller = made("caller", { late: endpoint("late", "ui", { optional: true, wait: true }) });
  const patient = made("patient", { late: endpoint("late", "ui", { optional: true }) });
  const all = [...foundation, caller, patient, made("late", {})];
  const waits = (yaml: string) => {
    const { model } = declare(makeProject({ "Pulumi.dev.yaml": platformYaml(yaml) }), "dev", all);
    const names = model.services.map(({ name }) => name);
    const of = (name: string) => model.services.find((s) => s.name === name)?.workloads[0]?.waitFor;
    return {
      caller: of("caller"),
      patient: of("patient"),
      behind: names.indexOf("caller") > names.indexOf("late"),
    };
  };
  expect(waits("")).toEqual({ caller: [{ workload: "late", port: 8081 }], patient: [], behind: true });
  expect(waits("services: { late: { enabled: false } }")).toMatchObject({ caller: [], patient: [] });
});
