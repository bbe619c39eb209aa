import { describe, expect, test } from "vitest";
import { errorText, makeProject } from "../support/project.ts";
import { readCases } from "./cases.ts";

describe.each(["stack-file", "platform", "fit", "pipelines", "services"])("broken %s", (name) => {
  test.each(readCases(name))("$name", ({ files, error }) => {
    expect(errorText(makeProject(files))).toBe(error);
  });
});

test("there are many kinds of wrong, and none stands twice", () => {
  const names = ["stack-file", "platform", "fit", "pipelines", "services"].flatMap((file) =>
    readCases(file).map((c) => `${file}: ${c.name}`),
  );
  expect(names.length).toBeGreaterThan(140);
  expect(new Set(names).size).toBe(names.length);
});
