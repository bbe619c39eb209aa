import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { ConfigError } from "../../src/errors.ts";
import { nearlyConfig, validConfig } from "../support/configs.ts";
import { declare, makeProject } from "../support/project.ts";
import { notes } from "./cases.ts";

const platform = (value: unknown) => JSON.stringify({ config: { "datalab:platform": value } });

/**
 * Declares a project whose file has this text. Lets nothing but a ConfigError with a place and words pass.
 */
function takesOrRefuses(project: string, file: string, text: string): "taken" | "refused" {
  writeFileSync(join(project, file), text);
  try {
    declare(project);
    return "taken";
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    expect(error.exitCode).toBe(2);
    expect(error.problems.length).toBeGreaterThan(0);
    for (const { message, at } of error.problems) {
      expect(message).toMatch(/^(.*: )?expected .+/s);
      expect(message).not.toMatch(/\bundefined\b|\[object|Invalid input|NaN to/);
      if (at !== undefined) expect(at).toMatch(/^[^:]+:\d+:\d+$/);
    }
    return "refused";
  }
}

test("any configuration that is right is taken", () => {
  const project = makeProject({});
  fc.assert(
    fc.property(validConfig, (config) => {
      writeFileSync(join(project, "Pulumi.dev.yaml"), platform(config));
      expect(() => declare(project)).not.toThrow();
    }),
    { numRuns: 100 },
  );
});

test("any JSON in the place of the platform is taken or refused with words", () => {
  const project = makeProject({});
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue(), nearlyConfig), (value) => {
      takesOrRefuses(project, "Pulumi.dev.yaml", platform(value));
    }),
    { numRuns: 250 },
  );
});

test("any text in the place of the file is taken or refused with words", () => {
  const project = makeProject({});
  const yaml = fc.oneof(
    fc.string({ unit: "binary" }),
    fc
      .array(
        fc.constantFrom(
          "config:",
          "\n",
          "  ",
          "datalab:platform:",
          "- ",
          "{",
          "}",
          "&a ",
          "*a",
          "|",
          "!!set ",
          "? ",
          "\t",
          "a",
          "<<: ",
          '"',
          "---",
        ),
      )
      .map((words) => words.join("")),
  );
  fc.assert(
    fc.property(yaml, (text) => {
      takesOrRefuses(project, "Pulumi.dev.yaml", text);
    }),
    { numRuns: 250 },
  );
});

/** A value with some of its inner values replaced or left out. */
function damaged(value: unknown): fc.Arbitrary<unknown> {
  const anything = fc.oneof(fc.jsonValue({ maxDepth: 1 }), fc.constantFrom("", "x", -1, null, [], {}));
  if (typeof value !== "object" || value === null) {
    return fc.oneof({ weight: 49, arbitrary: fc.constant(value) }, { weight: 1, arbitrary: anything });
  }
  const inner = Object.entries(value).map(([key, v]) =>
    fc.tuple(
      fc.oneof({ weight: 199, arbitrary: fc.constant(key) }, { weight: 1, arbitrary: fc.string() }),
      damaged(v),
    ),
  );
  const whole = fc
    .tuple(...inner)
    .map((pairs) => (Array.isArray(value) ? pairs.map(([, v]) => v) : Object.fromEntries(pairs)));
  return fc.oneof({ weight: 199, arbitrary: whole }, { weight: 1, arbitrary: anything });
}

test("a service file that is damaged anyhow is taken or refused with words", () => {
  const project = makeProject({ "Pulumi.dev.yaml": platform({ serviceFiles: ["services/notes.yaml"] }) });
  mkdirSync(join(project, "services"));
  const seen = { taken: 0, refused: 0 };
  fc.assert(
    fc.property(damaged(parse(notes)), (value) => {
      seen[takesOrRefuses(project, "services/notes.yaml", JSON.stringify(value))]++;
    }),
    { numRuns: 100 },
  );
  expect(Math.min(seen.taken, seen.refused)).toBeGreaterThan(0);
});

test("a pipeline that is damaged anyhow is taken or refused with words", () => {
  const project = makeProject({});
  const definition = {
    summary: "Says hello.",
    entrypoint: "flow.py:hello",
    schedule: { cron: "0 6 * * *", timezone: "Europe/Berlin" },
    retries: { count: 3, delay: "10s", backoff: "exponential", maxDelay: "2m" },
    timeout: "30m",
    priority: "high",
    concurrency: 2,
    parameters: { limit: 10, nested: { list: [1, "two", null] } },
    tags: ["daily"],
  };
  const seen = { taken: 0, refused: 0 };
  fc.assert(
    fc.property(damaged(definition), (value) => {
      seen[takesOrRefuses(project, "pipelines/hello/pipeline.yaml", JSON.stringify(value))]++;
    }),
    { numRuns: 100 },
  );
  expect(Math.min(seen.taken, seen.refused)).toBeGreaterThan(0);
});
