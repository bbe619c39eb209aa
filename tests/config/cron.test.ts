import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { cronProblem, missingDay } from "../../src/config/cron.ts";

interface Cases {
  readonly taken: readonly string[];
  /** The day that never comes. */
  readonly never: Readonly<Record<string, string>>;
  readonly refused: readonly string[];
  /** Prefect takes them, but not for what is written. */
  readonly misread: readonly string[];
}

// Prefect's verdict on each is tested where Prefect is: pipelines/tests/schedules/test_cron.py.
const cases = JSON.parse(
  readFileSync(new URL("../../pipelines/tests/schedules/cron.json", import.meta.url), "utf8"),
) as Cases;

describe("a cron expression is judged as Prefect judges it", () => {
  test.each(cases.taken)("%j is right, and has a next date", (text) => {
    expect([cronProblem(text), missingDay(text)]).toEqual([undefined, undefined]);
  });

  test.each(Object.entries(cases.never))("%j never comes: %s", (text, day) => {
    expect([cronProblem(text), missingDay(text)]).toEqual([undefined, day]);
  });

  test.each(cases.refused)("%j is refused", (text) => {
    expect(cronProblem(text)).toMatch(/ as the (first|second|third|fourth|fifth) cron field$/);
  });
});

test.each(cases.misread)("%j is refused: Prefect reads it as something else", (text) => {
  expect(cronProblem(text)).toBeDefined();
});

test("what is wrong with a range of one value is told", () => {
  expect(cronProblem("0 0 * * fri-fri")).toBe(
    "no range of one value such as fri-fri, which Prefect reads as every value, as the fifth cron field",
  );
  expect(cronProblem("0 0 * * 1,L5")).toBe(
    "days of the week either all with # or L, or none as the fifth cron field",
  );
});
