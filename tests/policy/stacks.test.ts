import { expect, test } from "vitest";
import { violationsOf } from "../../policy/rules/index.ts";
import type { Resource } from "../../policy/rules/rule.ts";
import { services } from "../../src/services/index.ts";
import { deployDocker } from "../../src/targets/docker/index.ts";
import { type Hidden, record } from "../support/mocks.ts";
import { modelOf } from "../support/project.ts";

const master = "m".repeat(43);

/** Inputs as the pack sees them: what the engine keeps secret is a value for it. */
function shown(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shown);
  if (typeof value !== "object" || value === null) return value;
  if ("hidden" in value) return shown((value as Hidden).hidden);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shown(inner)]));
}

test("the whole of dev keeps every rule", async () => {
  const model = modelOf("services: { grafana: { enabled: true } }", "dev", services);
  const images = new Map(
    [...new Set(model.services.flatMap((s) => s.workloads.map((w) => w.image)))].map((name, i) => [
      name,
      `sha256:${String(i).padStart(64, "0")}`,
    ]),
  );
  const { resources } = await record(() => deployDocker(model, images), {
    config: { "datalab:masterSecret": master },
    state: () => ({ exitCode: 0, containerLogs: "" }),
  });
  const planned = resources
    .filter(({ custom }) => custom)
    .map(({ type, name, inputs }) => ({ type, name, props: shown(inputs) }) as Resource);
  expect(planned.length).toBeGreaterThan(60);
  expect(violationsOf(planned)).toEqual([]);
});
