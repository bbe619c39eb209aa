import { expect, test } from "vitest";
import { cronProblem } from "../../src/config/cron.ts";
import { show } from "../../src/config/value-text.ts";
import { ConfigError, formatPath, formatProblem } from "../../src/errors.ts";
import { didYouMean, nearest } from "../../src/nearest.ts";

test.each([
  [["services", "prefect", "ports", "api"], "services.prefect.ports.api"],
  [["serviceFiles", 0], "serviceFiles[0]"],
  [["a", 1, 2, "b"], "a[1][2].b"],
  [[], ""],
])("the path %j is written %j", (path, text) => {
  expect(formatPath(path)).toBe(text);
});

test("a problem is written as what, where and the way out", () => {
  expect(
    formatProblem({ path: ["a"], message: "expected 1, received 2", at: "f.yaml:1:2", fix: "Write 1." }),
  ).toBe("✖ a: expected 1, received 2\n  → f.yaml:1:2\n  Write 1.");
  expect(formatProblem({ path: [], message: "no such file" })).toBe("✖ no such file");
});

test("problems are told file by file, from top to bottom", () => {
  const problem = (at: string) => ({ path: [], message: "m", at });
  const given = ["b.yaml:10:1", "a.yaml:2:3", "b.yaml:9:7", "a.yaml:2:1", "b.yaml:9:5"].map(problem);
  expect(new ConfigError(given).problems.map(({ at }) => at)).toEqual([
    "b.yaml:9:5",
    "b.yaml:9:7",
    "b.yaml:10:1",
    "a.yaml:2:1",
    "a.yaml:2:3",
  ]);
});

test.each([
  ["postgers", ["postgres", "prefect"], "postgres"],
  ["PORTOFFSET", ["portOffset"], "portOffset"],
  ["portOfset", ["port", "portOffset"], "portOffset"],
  ["x", ["cpu", "memory"], undefined],
  ["ab", ["cd"], undefined],
  ["kubeconfig", ["target", "data"], undefined],
])("%j of %j means %j", (word, candidates, meant) => {
  expect(nearest(word, candidates)).toBe(meant);
  expect(didYouMean(word, candidates)).toEqual(meant === undefined ? {} : { fix: `Did you mean ${meant}?` });
});

test.each([
  [undefined, "nothing"],
  [null, "nothing (null)"],
  [[], "an empty list"],
  [[1], "a list"],
  [{}, "an empty mapping"],
  [{ a: 1 }, "a mapping"],
  ["20", '"20"'],
  [20, "20"],
  [Number.NaN, "NaN"],
  [true, "true"],
  ["x".repeat(100), `"${"x".repeat(75)}..."`],
])("%j is shown as %s", (value, text) => {
  expect(show(value)).toBe(text);
});

test.each([
  "* * * * *",
  "*/5 0-6 1,15 jan-mar MON",
  "59 23 31 12 7",
  "0 0 1-31/2 * sun,sat",
  "  0 6 * * 1-5  ",
])("cron %j is right", (text) => {
  expect(cronProblem(text)).toBeUndefined();
});

test.each([
  ["60 * * * *", "a minute from 0 to 59 as the first cron field"],
  ["* 24 * * *", "an hour from 0 to 23 as the second cron field"],
  ["* * 0 * *", "a day of the month from 1 to 31 as the third cron field"],
  ["* * * 13 *", "a month from 1 to 12 or jan to dec as the fourth cron field"],
  ["* * * * fun", "a day of the week from 0 to 7 or sun to sat as the fifth cron field"],
  ["*/0 * * * *", "a minute from 0 to 59 as the first cron field"],
  ["1,, * * * *", "a minute from 0 to 59 as the first cron field"],
  ["1-2-3 * * * *", "a minute from 0 to 59 as the first cron field"],
  ["-1 * * * *", "a minute from 0 to 59 as the first cron field"],
])("cron %j should have had %s", (text, expected) => {
  expect(cronProblem(text)).toBe(expected);
});
