import { describe, expect, test } from "vitest";
import { endpointOf, howToProvide } from "../../src/outputs/providers.ts";
import { services } from "../../src/services/index.ts";
import { platform } from "../ops/fixture-platform.ts";
import { modelOf } from "../support/project.ts";

const { providers: _, ...before } = platform();

describe("what provides a capability", () => {
  test("is found by the capability, whatever the service is called", () => {
    const there = platform();
    const renamed = {
      ...there,
      services: there.services.map((s) => (s.name === "prefect" ? { ...s, name: "scheduler" } : s)),
      providers: { orchestrator: { service: "scheduler", workload: "w", endpoint: "api" } },
    };
    expect(endpointOf(renamed, "orchestrator")?.url).toBe("http://127.0.0.1:4200/");
    expect(endpointOf(there, "logs")).toBeUndefined();
    expect(endpointOf(before, "orchestrator")).toBeUndefined();
  });

  test("is named by the model, enabled or not", () => {
    const { providers } = modelOf("services: { logs: { enabled: false } }", "dev", services);
    expect(providers).toEqual({
      database: { service: "postgres", workload: "postgres", endpoint: "sql" },
      bucket: { service: "object-store", workload: "object-store", endpoint: "s3" },
      health: { service: "core", workload: "core", endpoint: "api" },
      gateway: { service: "gateway", workload: "gateway", endpoint: "status" },
      orchestrator: { service: "prefect", workload: "prefect", endpoint: "api" },
      logs: { service: "logs", workload: null, endpoint: null },
    });
  });

  test("is what a hint says to enable; a stack from before is deployed again", () => {
    const disabled = { ...before, providers: { logs: { service: "lines", workload: null, endpoint: null } } };
    expect(howToProvide(disabled, "logs")).toBe("Enable services.lines in Pulumi.dev.yaml.");
    expect(howToProvide(before, "logs")).toBe(
      "./datalab up --stack dev deploys the stack as this version describes it.",
    );
  });
});
