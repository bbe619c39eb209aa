import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { estimate } from "../../src/cloud/estimate.ts";
import prices from "../../src/cloud/prices.json" with { type: "json" };
import { natCount, type SizeName, sizeNames, sizes } from "../../src/cloud/sizes.ts";

const bySize = fc.constantFrom(...sizeNames);

describe("sizes", () => {
  test.each(sizeNames)("%s has bounds that hold each other", (name) => {
    const { nodes, database, logDays, versionDays } = sizes[name];
    for (const { min, desired, max, diskGiB } of Object.values(nodes)) {
      expect(min).toBeGreaterThanOrEqual(1);
      expect(min).toBeLessThanOrEqual(desired);
      expect(desired).toBeLessThanOrEqual(max);
      expect(diskGiB).toBeGreaterThanOrEqual(50);
    }
    expect(nodes.system.min).toBeGreaterThanOrEqual(2); // one may go
    expect(database.maxStorageGiB).toBeGreaterThanOrEqual(2 * database.storageGiB);
    expect(database.backupDays).toBeGreaterThanOrEqual(7);
    expect(database.backupDays).toBeLessThanOrEqual(35); // RDS takes no more
    expect([7, 31]).toContain(database.insightsDays);
    expect([30, 90, 365]).toContain(logDays); // CloudWatch knows these
    expect(versionDays).toBeGreaterThanOrEqual(14);
  });

  test("M and L survive the loss of a zone", () => {
    for (const name of ["M", "L"] as const) {
      expect(sizes[name].database.multiAz).toBe(true);
      expect(natCount(sizes[name].nat, 3)).toBe(3);
      expect(sizes[name].nodes.system.min).toBe(3);
    }
  });

  test("nothing gets smaller from S to M to L", () => {
    const figures = (name: SizeName) => {
      const { nodes, database, logDays, versionDays, karpenterCpu } = sizes[name];
      return [
        ...Object.values(nodes).flatMap((g) => [g.min, g.desired, g.max, g.diskGiB]),
        ...[database.storageGiB, database.maxStorageGiB, database.backupDays, database.connections],
        ...[Number(database.multiAz), logDays, versionDays, karpenterCpu],
      ];
    };
    for (const [less, more] of [
      ["S", "M"],
      ["M", "L"],
    ] as const) {
      for (const [i, figure] of figures(less).entries())
        expect(figures(more)[i]).toBeGreaterThanOrEqual(figure);
    }
  });
});

describe("the cost estimate", () => {
  test("of S in three zones is these lines", () => {
    const { lines, fixed, usage, total, ...rest } = estimate("S", { zones: 3, nat: "size" });
    expect(rest).toEqual({ size: "S", date: prices.date, region: "us-east-1", currency: "USD" });
    expect(lines.map(({ item, quantity, monthly }) => [item, quantity, monthly])).toEqual([
      ["EKS control plane", 1, 73],
      ["nodes system: m7i.large", 2, 147.17],
      ["disks of nodes system", 100, 8],
      ["nodes work: m7i.xlarge", 1, 147.17],
      ["disks of nodes work", 100, 8],
      ["NAT gateways", 1, 32.85],
      ["public addresses of NAT gateways", 1, 3.65],
      ["VPC endpoints: 8 in 3 zones", 24, 175.2],
      ["load balancer", 1, 16.43],
      ["database: db.t4g.medium", 1, 47.45],
      ["storage of the database", 50, 5.75],
      ["KMS keys", 4, 4],
      ["secrets", 2, 0.8],
      ["alarms", 7, 0.7],
    ]);
    expect(fixed).toBe(670.17);
    expect(usage.map(({ item, quantity, monthly }) => [item, quantity, monthly])).toEqual([
      ["objects", 500, 11.5],
      ["files of notebooks", 50, 15],
      ["volumes", 100, 8],
      ["logs taken in", 20, 10],
      ["images", 20, 2],
      ["through NAT gateways", 50, 2.25],
    ]);
    expect(total).toBe(718.92);
  });

  test("grows from S to M to L", () => {
    const [s, m, l] = sizeNames.map((size) => estimate(size, { zones: 3, nat: "size" }).total);
    expect(s).toBeLessThan(m as number);
    expect(m).toBeLessThan(l as number);
  });

  test("a standby costs as much again, and so does its storage", () => {
    const line = (item: RegExp) =>
      estimate("M", { zones: 3, nat: "size" }).lines.find((l) => item.test(l.item));
    expect(line(/^database/)).toMatchObject({ quantity: 2, monthly: 245.28 });
    expect(line(/^storage/)).toMatchObject({ quantity: 200, monthly: 23 });
  });

  test("totals are the sums of their lines, in cents", () => {
    const use = fc.record(
      { objectsGiB: fc.nat(1e6), natGiB: fc.nat(1e5), logsGiB: fc.nat(1e4) },
      { requiredKeys: [] },
    );
    const nat = fc.constantFrom("single", "zone", "size") as fc.Arbitrary<"single" | "zone" | "size">;
    fc.assert(
      fc.property(bySize, fc.integer({ min: 2, max: 3 }), nat, use, (size, zones, nat, use) => {
        const told = estimate(size, { zones, nat, use });
        const inCents = (lines: readonly { monthly: number }[]) =>
          lines.reduce((all, { monthly }) => all + Math.round(monthly * 100), 0);
        expect(Math.round(told.fixed * 100)).toBe(inCents(told.lines));
        expect(Math.round(told.total * 100)).toBe(inCents(told.lines) + inCents(told.usage));
      }),
    );
  });
});
