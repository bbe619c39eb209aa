import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Line } from "../../src/agent/lines.ts";
import { HandedLines } from "../../src/agent/log-dedup.ts";

const at = (n: number) => `2026-01-31T12:00:00.${String(n).padStart(9, "0")}Z`;
const line = (n: number, stream: Line["stream"] = "stdout"): Line => ({ at: at(n), stream, text: "" });
/** Which of these lines are new. */
const taken = (handed: HandedLines, ...lines: Line[]) => lines.filter((each) => handed.take(each));

describe("lines that come again", () => {
  test("are told apart where both streams are out of step", () => {
    const handed = new HandedLines("");
    handed.openLast();
    expect(taken(handed, line(1), line(3), line(2, "stderr"), line(4))).toHaveLength(4);
    handed.openLast();
    const again = [line(1), line(3), line(2, "stderr"), line(4), line(3, "stderr"), line(5)];
    expect(taken(handed, ...again)).toEqual([line(3, "stderr"), line(5)]);
  });

  test("are none of ours before the place where one begins", () => {
    const handed = new HandedLines(at(10));
    expect(handed.from).toBe(at(10));
    handed.openLast();
    expect(taken(handed, line(8), line(10), line(11), line(12))).toEqual([line(11), line(12)]);
  });

  test("are new after the last one that was there, even when the clock has been set back", () => {
    const handed = new HandedLines("");
    handed.openLast();
    taken(handed, line(100), line(101));
    handed.openLast();
    expect(taken(handed, line(100), line(101), line(7), line(8))).toEqual([line(7), line(8)]);
  });

  test("are asked for from a little before the last one", () => {
    const handed = new HandedLines("");
    handed.openLast();
    for (let n = 1; n <= 5_000; n++) handed.take(line(n));
    handed.confirm();
    expect(handed.from).toBe(at(5_000 - 511));
  });
});

describe("a log in two pieces that were read in the wrong order", () => {
  // The container ended after line 4 and started again when its log was opened: lines 1 and 2 were read
  // before.
  const older = [1, 2, 3, 4].map((n) => line(n));
  const newer = [7, 8].map((n) => line(n));
  const mixedUp = () => {
    const handed = new HandedLines("");
    handed.openLast();
    taken(handed, line(1), line(2));
    handed.openLast();
    expect(taken(handed, ...newer)).toEqual(newer);
    return handed;
  };

  test("gives what lies between the two", () => {
    const handed = mixedUp();
    expect(handed.from <= at(2)).toBe(true);
    handed.open();
    expect(taken(handed, ...older)).toEqual([line(3), line(4)]);
    handed.openLast();
    expect(taken(handed, ...newer, line(9))).toEqual([line(9)]);
    handed.open();
    expect(taken(handed, ...older)).toEqual([]);
    handed.openLast();
    expect(taken(handed, ...newer, line(9), line(10))).toEqual([line(10)]);
  });

  test("gives the rest when reading the older piece broke off", () => {
    const handed = mixedUp();
    handed.open();
    expect(taken(handed, line(1), line(2), line(3))).toEqual([line(3)]);
    handed.open();
    expect(taken(handed, ...older)).toEqual([line(4)]);
  });

  test("asks for no more than the last lines once it is sure", () => {
    const handed = new HandedLines(at(1));
    handed.openLast();
    for (let n = 1_001; n <= 3_000; n++) handed.take(line(n));
    expect(handed.from).toBe(at(1));
    handed.confirm();
    expect(handed.from).toBe(at(3_000 - 511));
  });
});

test("whatever is written in whatever order, and wherever reading breaks off, each line is taken once", () => {
  // The order of a log's lines: each a few steps from its time at most.
  const order = fc
    .array(fc.integer({ min: 0, max: 12 }), { minLength: 1, maxLength: 3_000 })
    .map((late) => late.map((by, n) => [n + by, n] as const).sort(([a], [b]) => a - b))
    .map((pairs) => pairs.map(([, n]) => line(n, n % 3 === 0 ? "stderr" : "stdout")));
  fc.assert(
    fc.property(
      order,
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 6 }),
      (log, cuts) => {
        const handed = new HandedLines("");
        const got: Line[] = [];
        for (const share of [...cuts.sort(), 1]) {
          const oldest = Number(handed.from.slice(20, 29)) - 12;
          handed.openLast();
          const there = log
            .slice(0, Math.ceil(log.length * share))
            .filter((each) => Number(each.at.slice(20, 29)) >= oldest);
          got.push(...taken(handed, ...there));
          handed.confirm();
        }
        expect(got).toEqual(log);
      },
    ),
  );
});
