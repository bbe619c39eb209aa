import fc from "fast-check";
import { expect, test } from "vitest";
import { Check, historyLength } from "../../src/core/check.ts";
import { overallState, stateOf } from "../../src/core/health.ts";
import { describe as describeError, masker, secretValues } from "../../src/core/mask.ts";
import type { Probe } from "../../src/core/probe.ts";
import { entry } from "./process.ts";

function check(probe: Probe, everySeconds = 30): Check {
  const stop = new AbortController().signal;
  return new Check({ entry: entry("s", "c", { everySeconds }), probe, mask: (text) => text, stop });
}

test("the history holds the last sixty results", async () => {
  let runs = 0;
  const each = check(async () => String(++runs));
  for (let i = 0; i < historyLength + 5; i++) await each.run();
  expect(each.history).toHaveLength(60);
  expect([each.history[0]?.message, each.last?.message]).toEqual(["6", "65"]);
});

test("a check never overlaps itself", async () => {
  let now = 0;
  let max = 0;
  const each = check(async () => {
    max = Math.max(max, ++now);
    await new Promise((resolve) => setTimeout(resolve, 10));
    now--;
    return undefined;
  });
  const results = await Promise.all([each.run(), each.run(), each.run()]);
  expect(max).toBe(1);
  expect(new Set(results).size).toBe(1);
});

test("a check that failed after it had passed comes again within five seconds", async () => {
  let fine = false;
  const each = check(async () => {
    if (!fine) throw new Error("no");
    return undefined;
  }, 30);
  await each.run();
  expect(each.delaySeconds(0.5)).toBe(1);
  fine = true;
  await each.run();
  expect([each.delaySeconds(0), each.delaySeconds(0.5), each.delaySeconds(1)]).toEqual([27, 30, 33]);
  fine = false;
  await each.run();
  expect(each.delaySeconds(0.5)).toBe(5);
});

test("a start is told from a failure, and is one entry of the history", async () => {
  let fine = false;
  const stop = new AbortController().signal;
  const probe = async () => (fine ? undefined : Promise.reject(new Error("not yet")));
  const of = (startSeconds: number) =>
    new Check({ entry: entry("s", "c", { startSeconds }), probe, mask: (text) => text, stop });
  const [starts, fails] = [of(3600), of(0)];
  for (const each of [starts, fails]) {
    await each.run();
    await each.run();
  }
  expect([starts.history.length, starts.last?.starting, starts.starting]).toEqual([1, true, true]);
  expect([fails.history.length, fails.last?.starting, fails.starting]).toEqual([2, undefined, false]);
  fine = true;
  await starts.run();
  fine = false;
  await starts.run();
  expect(starts.history.map(({ ok, starting }) => [ok, starting])).toEqual([
    [false, true],
    [true, undefined],
    [false, undefined],
  ]);
});

test("states follow from how many checks pass", () => {
  expect([stateOf([]), stateOf([true]), stateOf([true, false]), stateOf([false])]).toEqual([
    "healthy",
    "healthy",
    "degraded",
    "down",
  ]);
  expect([stateOf(["starting"]), stateOf([true, "starting"]), stateOf([true, "starting", false])]).toEqual([
    "starting",
    "starting",
    "degraded",
  ]);
  expect(overallState(["healthy", "starting"])).toBe("starting");
  expect(overallState(["starting", "down"])).toBe("degraded");
  expect(overallState(["healthy", "down"])).toBe("degraded");
  expect(overallState(["down", "down"])).toBe("down");
});

test("no text lets a secret through, wherever it stands", () => {
  const secret = fc.stringMatching(/^[A-Za-z0-9_-]{12,40}$/);
  fc.assert(
    fc.property(
      fc.array(secret, { minLength: 1, maxLength: 4 }),
      fc.string(),
      fc.string(),
      (secrets, a, b) => {
        const shown = masker(secrets)(`${a}${secrets.join(b)}${a}`);
        return secrets.every((value) => !shown.includes(value));
      },
    ),
  );
});

test("an error is told with its causes, once each", () => {
  const refused = Object.assign(new AggregateError([new Error("connect ECONNREFUSED ::1:1")]), {
    code: "ECONNREFUSED",
  });
  expect(describeError(new Error("fetch failed", { cause: refused }))).toBe(
    "fetch failed: ECONNREFUSED: connect ECONNREFUSED ::1:1",
  );
  expect(describeError("plain")).toBe("plain");
  expect(describeError(new Error(""))).toBe("failed without a message");
});

test("secrets of grants and needs are known; an optional need that nothing answers holds none", () => {
  const needs = {
    docker: null,
    key: "the-key-itself",
    db: { kind: "database", host: "postgres", port: "5432", password: "of-the-database" },
  };
  const known = { ...entry("s", "c", {}), needs, secrets: { admin: "of-the-admin" } };
  expect(secretValues([known as unknown as Parameters<typeof secretValues>[0][number]])).toEqual([
    "of-the-admin",
    "the-key-itself",
    "of-the-database",
  ]);
});
