import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  dnsLabel,
  instanceName,
  joinName,
  stackName,
  volumeName,
  workloadName,
} from "../../src/model/names.ts";

const word = fc.stringMatching(/^[a-z][a-z0-9]{0,20}$/);

describe("names of the stack dev", () => {
  test.each([
    [stackName("dev"), "datalab-dev"],
    [instanceName("dev", "postgres"), "datalab-dev-postgres"],
    [volumeName("dev", "object-store", "data"), "datalab-dev-object-store-data"],
    [workloadName("prefect", "main"), "prefect"],
    [workloadName("prefect", "worker"), "prefect-worker"],
  ])("%s", (name, expected) => {
    expect(name).toBe(expected);
  });
});

test("any parts give a DNS label of at most 63 characters", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "binary" }), { maxLength: 5 }), (parts) => {
      const name = joinName(...parts);
      expect(name).toMatch(dnsLabel);
      expect(name.length).toBeLessThanOrEqual(63);
      expect(joinName(...parts)).toBe(name);
    }),
  );
});

test("parts that fit are joined as they are, and read back", () => {
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 3 }), (parts) => {
      fc.pre(parts.join("-").length <= 63);
      expect(joinName(...parts).split("-")).toEqual(parts);
    }),
  );
});

test("different parts give different names, also when they are cut or hold other characters", () => {
  const part = fc.oneof(
    word,
    fc.string({ maxLength: 80 }).filter((text) => !text.includes("-")),
    fc.constantFrom("", "A", "a", "é", "a_b", "x".repeat(70), `${"x".repeat(70)}y`),
  );
  const parts = fc.array(part, { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(parts, parts, (one, other) => {
      fc.pre(JSON.stringify(one) !== JSON.stringify(other));
      expect(joinName(...one)).not.toBe(joinName(...other));
    }),
    { numRuns: 1000 },
  );
});

test("what is lost is told apart by a hash", () => {
  expect(joinName("my_service")).toBe("my-service-50b51f0a");
  expect(joinName("x".repeat(70))).toMatch(/^x{54}-[0-9a-f]{8}$/);
  expect(joinName("---")).toMatch(/^x-[0-9a-f]{8}$/);
});
