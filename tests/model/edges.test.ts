import { describe, expect, test } from "vitest";
import { edgesOf } from "../../src/model/edges.ts";
import { defineService } from "../../src/model/service.ts";
import { services } from "../../src/services/index.ts";
import { modelOf } from "../support/project.ts";

const cluster = `
target: kubernetes
images: { source: registry }
kubernetes: { context: lab, ingress: { host: lab.example.com } }
`;

const spawner = defineService({
  name: "spawner",
  summary: "Starts pods.",
  version: "1",
  needs: {},
  parts: {
    main: {
      image: "core",
      command: () => ["run"],
      endpoints: { api: { port: 9300, protocol: "http", summary: "an API" } },
      probe: { command: ["true"], within: "10s" },
      resources: { cpu: "10m", memory: "16Mi" },
      spawns: {
        job: {
          summary: "jobs",
          image: "python",
          env: ({ address }) => ({ API: address("main", "api", "url") }),
          resources: () => ({ cpu: "100m", memory: "64Mi" }),
          ports: [{ port: 8888, from: ["spawner"] }],
          atMost: () => 2,
        },
      },
    },
  },
  checks: {},
  backup: "none",
});

describe("edges", () => {
  const of = (name: string, yaml = "") =>
    edgesOf(modelOf(yaml, "dev", [...services, spawner]))
      .filter(({ from }) => from === name)
      .map(({ to, port }) => `${to}:${port}`)
      .sort();

  test("are what a workload is told, and what it waits for", () => {
    expect(of("postgres")).toEqual([]);
    expect(of("mlflow")).toEqual(["object-store:9000", "postgres:5432"]);
    expect(of("alertmanager")).toEqual(["core:7070"]);
    expect(of("postgres-exporter")).toEqual(["postgres:5432"]);
  });

  test("lead from what reads metrics and probes endpoints to all that has some", () => {
    expect(of("prometheus")).toContain("gateway:9180");
    expect(of("prometheus")).not.toContain("postgres:5432");
    expect(of("blackbox-exporter", cluster)).toEqual(
      expect.arrayContaining(["postgres:5432", "blackbox-exporter:9115", "dashboard:8501"]),
    );
    expect(of("prometheus")).toContain("alertmanager:9093");
    expect(of("core")).toContain("postgres:5432");
  });

  test("of what a workload spawns are the workload's own, and lead to it and from whom it names", () => {
    expect(of("spawner", cluster)).toEqual(["spawner-job:8888"]);
    expect(of("spawner-job", cluster)).toEqual(["spawner:9300"]);
  });

  test("of what is spawned there are none outside a cluster", () => {
    expect(of("spawner")).toEqual([]);
    expect(of("spawner-job")).toEqual([]);
  });
});
