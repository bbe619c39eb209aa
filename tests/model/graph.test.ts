import fc from "fast-check";
import { expect, test } from "vitest";
import { type Graph, startOrder } from "../../src/model/graph.ts";

const graph = (edges: Record<string, readonly string[]>): Graph => new Map(Object.entries(edges));

/** Any graph over a few names, needs of unknown names among them. */
const anyGraph = fc
  .uniqueArray(fc.constantFrom(..."abcdefgh"), { minLength: 1, maxLength: 8 })
  .chain((names) =>
    fc.tuple(...names.map((name) => fc.tuple(fc.constant(name), fc.subarray([...names, "unknown"])))),
  )
  .map((entries) => new Map(entries) as Graph);

/** A graph without a cycle: names need earlier names only. */
const acyclic = fc
  .shuffledSubarray([..."abcdefghij"], { minLength: 1 })
  .chain((names) =>
    fc.tuple(...names.map((name, i) => fc.tuple(fc.constant(name), fc.subarray(names.slice(0, i))))),
  )
  .chain((entries) => fc.shuffledSubarray(entries, { minLength: entries.length }))
  .map((entries) => new Map(entries) as Graph);

test("needed names come first, others keep their order", () => {
  expect(startOrder(graph({ c: [], b: ["a"], a: [], d: ["b", "c"] }))).toEqual({
    ok: true,
    order: ["c", "a", "b", "d"],
  });
});

test("what needs itself is a cycle", () => {
  expect(startOrder(graph({ a: ["a"] }))).toEqual({ ok: false, cycle: ["a", "a"] });
});

test("a cycle is reported alone, without the way to it", () => {
  expect(startOrder(graph({ x: ["a"], a: ["b"], b: ["c"], c: ["a"] }))).toEqual({
    ok: false,
    cycle: ["a", "b", "c", "a"],
  });
});

test("a graph without cycles is ordered: each name once, after all that it needs", () => {
  fc.assert(
    fc.property(acyclic, (given) => {
      const result = startOrder(given);
      if (!result.ok) throw new Error(`there is no cycle ${result.cycle.join(" -> ")}`);
      expect(result.order.toSorted()).toEqual([...given.keys()].toSorted());
      for (const [name, needed] of given) {
        for (const other of needed)
          expect(result.order.indexOf(other)).toBeLessThan(result.order.indexOf(name));
      }
    }),
  );
});

test("a cycle that is reported is one: each name needs the next, the last is the first", () => {
  fc.assert(
    fc.property(anyGraph, (given) => {
      const result = startOrder(given);
      if (result.ok) return;
      expect(result.cycle.length).toBeGreaterThan(1);
      expect(result.cycle.at(-1)).toBe(result.cycle[0]);
      for (const [i, name] of result.cycle.slice(0, -1).entries()) {
        expect(given.get(name)).toContain(result.cycle[i + 1]);
      }
    }),
  );
});
