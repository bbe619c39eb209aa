import { describe, expect, test } from "vitest";
import type { PlatformModel, WorkloadModel } from "../../src/model/platform.ts";
import { isSecret, render } from "../../src/model/refs.ts";
import { services } from "../../src/services/index.ts";
import { escapedLength } from "../../src/services/jupyterhub.ts";
import { modelOf } from "../support/project.ts";

interface Hub {
  readonly users: { name: string; admin: boolean }[];
  readonly admin: { name: string; password: string };
  readonly docker: { host: string; user: string; password: string } | null;
  readonly environment: Record<string, string>;
  readonly instancePrefix: string;
  readonly memoryBytes: number;
  readonly cpu: number;
}

const model = (yaml: string) => modelOf(`target: docker\n${yaml}`, "dev", services);
const workload = (platform: PlatformModel, name: string) =>
  platform.services.flatMap((s) => s.workloads).find((w) => w.name === name) as WorkloadModel;
/** The hub's settings, each secret as <its id>. */
const hub = (yaml = "") =>
  JSON.parse(
    render(workload(model(yaml), "jupyterhub").files["hub.json"] ?? "", (ref) =>
      ref.ref === "secret" ? `<${ref.id}>` : ref.ref === "address" ? ref.workload : "image",
    ),
  ) as Hub;
const withUsers = (users: string) => `services:\n  jupyterhub:\n    options: { users: ${users} }`;

describe("jupyterhub", () => {
  test("lets in the admin, with the stack's own password, and nobody else, when nothing is configured", () => {
    expect(hub().users).toEqual([{ name: "admin", admin: true }]);
    expect(hub().admin).toEqual({ name: "admin", password: "<jupyterhub/admin>" });
  });

  test("lets in the people of the configuration; the admin stays the admin", () => {
    expect(hub(withUsers("[{ name: ana }, { name: admin }, { name: bo, admin: true }]")).users).toEqual([
      { name: "admin", admin: true },
      { name: "ana", admin: false },
      { name: "bo", admin: true },
    ]);
  });

  test("gives kernels the lake, and the login of each service that there is", () => {
    const { environment } = hub();
    expect(environment).toMatchObject({
      DATALAB_S3_ACCESS_KEY: expect.stringContaining("jupyterhub"),
      DATALAB_S3_SECRET_KEY: "<jupyterhub/lake>",
      MLFLOW_TRACKING_URI: "mlflow",
      MLFLOW_TRACKING_PASSWORD: "<mlflow/admin>",
      PREFECT_API_AUTH_STRING: "admin:<prefect/admin>",
    });
    expect(environment.SPARK_REMOTE).toMatch(/^sc:\/\/spark-connect:spark-connect\//);
  });

  test("leaves the variables of disabled services out", () => {
    const off = ["spark", "mlflow", "prefect", "agent"].map((name) => `  ${name}: { enabled: false }`);
    const { environment, docker } = hub(`services:\n${off.join("\n")}`);
    expect(
      Object.keys(environment).filter((name) => /^(SPARK|MLFLOW_TRACKING|PREFECT_API)/.test(name)),
    ).toEqual([]);
    expect(environment.DATALAB_S3_SECRET_KEY).toBe("<jupyterhub/lake>");
    expect(docker).toBeNull();
  });

  test("spawns through the agent, with the limits of its options", () => {
    const found = hub("services:\n  jupyterhub:\n    options: { memory: 512Mi, cpu: 500m }");
    expect(found).toMatchObject({ instancePrefix: "datalab-dev-", memoryBytes: 512 * 2 ** 20, cpu: 0.5 });
    expect(found.docker).toMatchObject({ host: "agent", user: "hub", password: "<agent/spawner>" });
  });

  test("has no secret in a command, and publishes the proxy alone", () => {
    const platform = model("services:\n  gateway: { enabled: false }");
    const parts = ["jupyterhub", "jupyterhub-proxy"].map((name) => workload(platform, name));
    expect(parts.flatMap(({ command }) => command).filter(isSecret)).toEqual([]);
    expect(parts.flatMap(({ endpoints }) => endpoints.flatMap((e) => e.published ?? []))).toEqual([8000]);
  });

  test("knows how long a name becomes in a container's name", () => {
    expect(escapedLength("ana")).toBe(3);
    expect(escapedLength("ana.b@x")).toBe(5 + 3 + 3);
    expect(escapedLength("é")).toBe(6);
  });

  test("refuses names that could not be a container's, or stand twice", () => {
    const wrong = (users: string) => {
      try {
        model(withUsers(users));
      } catch (error) {
        return (error as Error).message;
      }
      return "it was taken";
    };
    expect(wrong("[{ name: Ana }]")).toContain("services.jupyterhub.options.users[0].name");
    expect(wrong("[{ name: 'a/b' }]")).toContain("services.jupyterhub.options.users[0].name");
    expect(wrong(`[{ name: ${"ä".repeat(20)} }]`)).toContain("services.jupyterhub.options.users[0].name");
    expect(wrong("[{ name: ana }, { name: ana }]")).toContain("unique user names");
  });
});
