import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  addressCount,
  type Cidr,
  contains,
  formatCidr,
  isPrivate,
  overlaps,
  parseCidr,
  part,
} from "../../src/config/cidr.ts";

const range = fc
  .tuple(fc.integer({ min: 0, max: 32 }), fc.integer({ min: 0, max: 2 ** 32 - 1 }))
  .map(([prefix, at]): Cidr => ({ base: at - (at % addressCount({ prefix })), prefix }));

describe("ranges of addresses", () => {
  test("are read and written", () => {
    expect(parseCidr("10.20.0.0/16")).toEqual({ base: 0x0a140000, prefix: 16 });
    expect(formatCidr({ base: 0x0a140000, prefix: 16 })).toBe("10.20.0.0/16");
    fc.assert(
      fc.property(range, (r) => {
        expect(parseCidr(formatCidr(r))).toEqual(r);
      }),
    );
  });

  test.each([
    "10.0.0.0",
    "10.0.0.1/16",
    "10.0.0.0/33",
    "256.0.0.0/8",
    "a.b.c.d/8",
    " 10.0.0.0/8",
    "10.0.0.0/",
  ])("%s is none", (text) => expect(parseCidr(text)).toBeUndefined());

  test("two meet exactly when they share an address", () => {
    const first = (r: Cidr) => r.base;
    const last = (r: Cidr) => r.base + addressCount(r) - 1;
    fc.assert(
      fc.property(range, range, (a, b) => {
        expect(overlaps(a, b)).toBe(first(a) <= last(b) && first(b) <= last(a));
        expect(contains(a, b)).toBe(first(a) <= first(b) && last(b) <= last(a));
      }),
    );
  });

  test("the parts of a range are inside it and don't meet", () => {
    const cut = fc.record({ range, by: fc.integer({ min: 0, max: 4 }) });
    fc.assert(
      fc.property(cut, ({ range, by }) => {
        fc.pre(range.prefix + by <= 32);
        const parts = Array.from({ length: 2 ** by }, (_, n) => part(range, range.prefix + by, n));
        for (const [i, each] of parts.entries()) {
          expect(contains(range, each)).toBe(true);
          for (const other of parts.slice(i + 1)) expect(overlaps(each, other)).toBe(false);
        }
        expect(() => part(range, range.prefix + by, 2 ** by)).toThrow(RangeError);
      }),
      { numRuns: 50 },
    );
  });

  test("private ones are those of RFC 1918", () => {
    const all = ["10.0.0.0/8", "172.16.0.0/12", "172.31.0.0/16", "192.168.4.0/22"];
    expect(all.every((text) => isPrivate(parseCidr(text) as Cidr))).toBe(true);
    const others = ["8.0.0.0/8", "172.32.0.0/16", "192.169.0.0/16", "0.0.0.0/0"];
    expect(others.some((text) => isPrivate(parseCidr(text) as Cidr))).toBe(false);
  });
});
