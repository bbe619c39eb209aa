import * as pulumi from "@pulumi/pulumi";
import { describe, expect, test } from "vitest";
import { deriveSecret } from "../../src/model/derive.ts";
import { type Ref, t } from "../../src/model/refs.ts";
import { loadTarget } from "../../src/targets/load.ts";
import { Values } from "../../src/targets/values.ts";
import { modelOf } from "../support/project.ts";

test.each(["docker", "kubernetes", "aws"] as const)("the target %s is loaded", async (name) => {
  expect(await loadTarget(name)).toMatchObject({ deploy: expect.any(Function) });
});

describe("references are answered", () => {
  const master = "m".repeat(43);
  const values = new Values(
    modelOf(),
    pulumi.secret(master),
    (e) => `public:${e.published}`,
    (name) => `image:${name}`,
  );
  const sql = (part: "host" | "port" | "url"): Ref => ({
    ref: "address",
    workload: "postgres",
    endpoint: "sql",
    part,
  });

  test("addresses with strings", () => {
    expect(values.text(t`${sql("host")}:${sql("port")} ${sql("url")}`)).toBe(
      "postgres:5432 postgresql://postgres:5432",
    );
    expect(values.plain({ ref: "publicUrl", workload: "prefect", endpoint: "api" })).toBe("public:4200");
  });

  test("secrets with outputs that are secret", async () => {
    const text = values.text(t`user:${{ ref: "secret", id: "prefect/admin" }}`) as pulumi.Output<string>;
    expect(pulumi.Output.isInstance(text)).toBe(true);
    expect(await pulumi.isSecret(text)).toBe(true);
    const value = await (text as unknown as { promise(): Promise<string> }).promise();
    expect(value).toBe(`user:${deriveSecret(master, "dev", { id: "prefect/admin", version: 1 })}`);
  });

  test.each([
    [() => values.plain({ ref: "secret", id: "prefect/admin" }), "a secret must not stand here"],
    [() => values.text({ ref: "secret", id: "prefect/nothing" }), "the model has no secret prefect/nothing"],
    [() => values.endpoint("prefect", "apy"), "the model has no endpoint apy of prefect"],
    [() => values.endpoint("nobody", "api"), "the model has no endpoint api of nobody"],
  ])("or refused: %s", (work, message) => {
    expect(work).toThrow(new Error(message));
  });
});
