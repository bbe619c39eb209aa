import { expect, test } from "vitest";
import { IdleTimeout } from "../../../src/agent/kubernetes/follow.ts";
import type { Line } from "../../../src/agent/lines.ts";

const line = (second: number): Line => ({
  at: `2026-01-31T12:00:${String(second).padStart(2, "0")}.000000000Z`,
  stream: "stdout",
  text: "",
});

test("the idle timeout of a silent log is long, short after much that was new, then ever longer", () => {
  const idleTimeout = new IdleTimeout();
  expect(idleTimeout.ms).toBe(600_000);
  idleTimeout.came([line(1)], 200_000);
  expect(idleTimeout.ms).toBe(600_000);
  idleTimeout.came([line(2)], 100_000);
  expect(idleTimeout.ms).toBe(2_000);
  idleTimeout.ends();
  expect(idleTimeout.ms).toBe(4_000);
  // What comes again is not new, however much it is.
  idleTimeout.came([line(1), line(2)], 5_000_000);
  expect(idleTimeout.ms).toBe(4_000);
  for (let i = 0; i < 20; i++) idleTimeout.ends();
  expect(idleTimeout.ms).toBe(600_000);
  idleTimeout.came([line(3)], 300_000);
  expect(idleTimeout.ms).toBe(2_000);
});
