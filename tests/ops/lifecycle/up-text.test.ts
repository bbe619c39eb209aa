import { expect, test } from "vitest";
import {
  cannotStart,
  describeChanges,
  describePending,
  notReady,
} from "../../../src/ops/lifecycle/up-text.ts";

test.each([
  [{}, "0 changes"],
  [{ same: 27 }, "0 changes"],
  [{ create: 27 }, "27 created"],
  [{ same: 20, replace: 2, update: 1, create: 3, delete: 1 }, "3 created, 1 updated, 2 replaced, 1 deleted"],
  [{ create: 0, delete: 2 }, "2 deleted"],
  [{ refresh: 5, read: 1 }, "0 changes"],
])("%j are told as %s", (changes, words) => {
  expect(describeChanges(changes)).toBe(words);
});

const check = (name: string, ok: boolean, message?: string) => ({
  name,
  ok,
  ms: 1,
  at: "2026-01-31T12:00:00Z",
  history: [],
  ...(message !== undefined && { message }),
});
const health = {
  stack: "dev",
  state: "degraded" as const,
  at: "2026-01-31T12:00:00Z",
  services: [
    { name: "core", state: "healthy" as const, checks: [check("alive", true)] },
    {
      name: "prefect",
      state: "degraded" as const,
      checks: [check("api", true), check("worker", false), check("flow-run", false, "timed out after 60 s")],
    },
    { name: "postgres", state: "down" as const, checks: [check("query", false, "ECONNREFUSED")] },
  ],
};

test("what is waited for is told with the checks that fail", () => {
  expect(describePending(health, new Set(["prefect", "postgres"]))).toBe(
    "prefect (worker, flow-run), postgres (query)",
  );
});

test("what did not become ready is told with every check's own words", () => {
  expect(notReady("dev", health, new Set(["prefect"]), 180)).toMatchObject({
    code: "E_NOT_READY",
    message:
      "After 180 s these checks still fail:\n    prefect worker: failed\n    prefect flow-run: timed out after 60 s",
    hint: "./datalab services logs --stack dev shows their logs.",
  });
  expect(notReady("dev", undefined, new Set(["core"]), 180).message).toBe(
    "After 180 s these checks still fail:\n    the core does not answer",
  );
});

test("a process that ended is told with its last lines", () => {
  const instance = "datalab-dev-postgres";
  const failure = {
    workload: "postgres",
    instance,
    exitCode: 1,
    log: "no space\nbye",
    more: `docker logs ${instance}`,
  };
  expect(cannotStart(failure)).toMatchObject({
    code: "E_START",
    message:
      "postgres can't start: its process ended with exit code 1. Its last lines:\n    no space\n    bye",
    hint: "Fix the cause and run ./datalab up again. For details: docker logs datalab-dev-postgres",
  });
});
