import { describe, expect, test } from "vitest";
import { costOf } from "../../src/ops/cost.ts";
import { makeProject, platformYaml } from "../support/project.ts";

const prod = `
  target: aws
  aws: { accountId: "123456789012", region: eu-central-1, size: S }
  images: { source: registry }
  kubernetes: { ingress: { host: lab.example.com } }`;

describe("what a stack costs", () => {
  test("is estimated for the configured size, or for another one", () => {
    const project = makeProject({ "Pulumi.prod.yaml": platformYaml(prod) });
    expect(costOf(project, "prod")).toMatchObject({ size: "S", total: 718.92 });
    expect(costOf(project, "prod", "L").size).toBe("L");
    expect(() => costOf(project, "prod", "XL")).toThrow('expected one of the sizes S, M, L, received "XL"');
  });

  test("is nothing on one's own machine", () => {
    expect(() => costOf(makeProject({}), "dev")).toThrow(
      "The stack dev has no costs to estimate: its target is docker.",
    );
  });
});
