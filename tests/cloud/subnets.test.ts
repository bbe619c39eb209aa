import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { dnsAddress, planSubnets, serviceCidr } from "../../src/cloud/subnets.ts";
import { addressCount, type Cidr, contains, formatCidr, overlaps, parseCidr } from "../../src/config/cidr.ts";

const read = (text: string) => parseCidr(text) as Cidr;

/** Any private range that a VPC may have. */
const vpcs = fc
  .tuple(
    fc.integer({ min: 16, max: 21 }),
    fc.constantFrom("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),
    fc.nat(),
  )
  .map(([prefix, outer, n]) => {
    const size = addressCount({ prefix });
    const { base } = read(outer);
    return formatCidr({ base: base + (n % (addressCount(read(outer)) / size)) * size, prefix });
  });
const zones = fc.integer({ min: 1, max: 3 });

describe("the address plan of a VPC", () => {
  test("is this one for 10.0.0.0/16 in three zones", () => {
    expect(planSubnets("10.0.0.0/16", 3)).toEqual({
      private: ["10.0.0.0/18", "10.0.64.0/18", "10.0.128.0/18"],
      public: ["10.0.192.0/21", "10.0.200.0/21", "10.0.208.0/21"],
      data: ["10.0.224.0/21", "10.0.232.0/21", "10.0.240.0/21"],
    });
  });

  test("has a subnet of every kind in every zone, inside the VPC, and no two meet", () => {
    fc.assert(
      fc.property(vpcs, zones, (vpc, count) => {
        const plan = planSubnets(vpc, count);
        expect(Object.values(plan).map((each) => each.length)).toEqual([count, count, count]);
        const all = Object.values(plan).flat().map(read);
        for (const [i, subnet] of all.entries()) {
          expect(contains(read(vpc), subnet)).toBe(true);
          expect(subnet.prefix).toBeLessThanOrEqual(28); // AWS takes no smaller one
          for (const other of all.slice(i + 1)) expect(overlaps(subnet, other)).toBe(false);
        }
      }),
    );
  });

  test("does not move when a zone is added", () => {
    fc.assert(
      fc.property(vpcs, (vpc) => {
        const [two, three] = [planSubnets(vpc, 2), planSubnets(vpc, 3)];
        for (const kind of ["private", "public", "data"] as const) {
          expect(three[kind].slice(0, 2)).toEqual(two[kind]);
        }
      }),
    );
  });

  test.each([
    ["10.0.0.0/15", 3, "expected a range from /16 to /21, received 10.0.0.0/15"],
    ["10.0.0.0/22", 3, "expected a range from /16 to /21, received 10.0.0.0/22"],
    ["nonsense", 3, "expected a range from /16 to /21, received nonsense"],
    ["10.0.0.0/16", 4, "expected 1 to 3 zones, received 4"],
  ])("of %s in %i zones is refused", (vpc, count, message) => {
    expect(() => planSubnets(vpc, count)).toThrow(message);
  });
});

describe("addresses of services in the cluster", () => {
  test("are outside of the VPC", () => {
    fc.assert(
      fc.property(vpcs, (vpc) => {
        expect(overlaps(read(serviceCidr(vpc)), read(vpc))).toBe(false);
      }),
    );
    expect(serviceCidr("10.0.0.0/16")).toBe("172.20.0.0/16");
    expect(serviceCidr("172.20.0.0/16")).toBe("10.100.0.0/16");
  });

  test("the tenth is the name server", () => {
    expect(dnsAddress("172.20.0.0/16")).toBe("172.20.0.10");
    expect(() => dnsAddress("172.20.0.0/29")).toThrow("at least 16 addresses");
  });
});
