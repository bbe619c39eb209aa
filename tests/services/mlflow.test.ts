import { describe, expect, test } from "vitest";
import { type ImageName, imageInputs } from "../../src/images/catalog.ts";
import type { PlatformModel, WorkloadModel } from "../../src/model/platform.ts";
import { isSecret, render } from "../../src/model/refs.ts";
import { mlflow } from "../../src/services/mlflow.ts";
import { foundation, modelOf } from "../support/project.ts";

const known = [...foundation, mlflow];
const server = (model: PlatformModel): WorkloadModel =>
  model.services.find(({ name }) => name === "mlflow")?.workloads[0] as WorkloadModel;
const text = (value: WorkloadModel["env"][string] | undefined) =>
  render(value ?? "", (ref) => (ref.ref === "secret" ? `<${ref.id}>` : "somewhere"));

describe("mlflow", () => {
  test("answers to its own names, and to those where it is published, with the offset", () => {
    const { env } = server(modelOf("target: docker\nportOffset: 300", "dev", known));
    expect(text(env.MLFLOW_SERVER_ALLOWED_HOSTS).split(",")).toEqual([
      "mlflow",
      "mlflow:5000",
      "127.0.0.1:5000",
      "127.0.0.1:5300",
      "localhost:5300",
      "somewhere",
    ]);
  });

  test("starts the program that stands with it, which the image has", () => {
    const { command, image } = server(modelOf("target: docker", "dev", known));
    const words = command.map(text);
    expect(words).toEqual(["python", "/opt/datalab/services/mlflow/server.py"]);
    const files = imageInputs(image as ImageName).files.map((file) => `/opt/datalab/${file.to}`);
    expect(files).toContain(words[1]);
  });

  test("lets pages of its own names change something, and no others", () => {
    const yaml = "target: docker\nservices:\n  mlflow:\n    options: { hosts: [lab.example.com] }";
    const { env } = server(modelOf(yaml, "dev", known));
    expect(text(env.MLFLOW_SERVER_CORS_ALLOWED_ORIGINS).split(",")).toEqual([
      "somewhere",
      "https://lab.example.com",
      "http://lab.example.com",
    ]);
  });

  test("has no public name where it is not published", () => {
    const yaml = "target: docker\nservices:\n  mlflow:\n    ports: { ui: false }";
    expect(text(server(modelOf(yaml, "dev", known)).env.MLFLOW_SERVER_ALLOWED_HOSTS).split(",")).toEqual([
      "mlflow",
      "mlflow:5000",
      "127.0.0.1:5000",
    ]);
  });

  test("answers to more names by configuration", () => {
    const yaml = "target: docker\nservices:\n  mlflow:\n    options: { hosts: [lab.example.com] }";
    expect(text(server(modelOf(yaml, "dev", known)).env.MLFLOW_SERVER_ALLOWED_HOSTS)).toMatch(
      /,lab\.example\.com$/,
    );
  });

  test("has the stack's own password for its admin, and nothing secret in a command", () => {
    const { env, command, files } = server(modelOf("target: docker", "dev", known));
    expect(text(env.MLFLOW_AUTH_ADMIN_PASSWORD)).toBe("<mlflow/admin>");
    expect(command.filter(isSecret)).toEqual([]);
    const ini = text(files["auth.ini"]);
    expect(ini).toContain("<mlflow/db>");
    expect(ini).not.toContain("password1234");
  });

  test("hands its bucket's key to nobody: artifacts go through the server", () => {
    const { env } = server(modelOf("target: docker", "dev", known));
    expect(text(env._MLFLOW_SERVER_ARTIFACT_ROOT)).toBe("mlflow-artifacts:/");
    expect(text(env._MLFLOW_SERVER_ARTIFACT_DESTINATION)).toBe("s3://mlflow");
  });

  test("lets the gateway ask for the login", () => {
    const [ui] = server(modelOf("target: docker", "dev", known)).endpoints;
    expect(ui).toMatchObject({
      port: 5000,
      published: 5000,
      auth: "gateway",
      login: { secret: "mlflow/admin", user: "admin" },
    });
  });
});
