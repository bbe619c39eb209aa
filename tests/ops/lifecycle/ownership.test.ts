import { describe, expect, test } from "vitest";
import type { StackIdentity } from "../../../src/ops/engine/stack-identity.ts";
import { checkOwnership, foreignTo } from "../../../src/ops/lifecycle/ownership.ts";
import type { Inventory } from "../../../src/ops/target.ts";

const own = "0123456789abcdef";
const other = { installation: "fedcba9876543210", origin: "ann@laptop:/srv/lab" };
const identity = (more: Partial<StackIdentity> = {}): StackIdentity => ({
  exists: true,
  resources: 3,
  installation: own,
  adopted: [],
  masterFingerprint: undefined,
  ...more,
});
const fresh = identity({ exists: false, resources: 0, installation: undefined });
const inventory = (owner?: { installation: string; origin?: string }): Inventory => ({
  objects: [{ kind: "container", name: "datalab-dev-core", ...(owner && { owner }) }],
  volumes: [{ name: "datalab-dev-postgres-data", service: "postgres", bytes: null, ...(owner && { owner }) }],
});
const texts = (things: readonly { text: string }[]) => things.map(({ text }) => text);
const both = ["container datalab-dev-core", "volume datalab-dev-postgres-data"];

describe("what is on the target is somebody else's", () => {
  test.each<[string, StackIdentity, Inventory]>([
    ["with another installation's label", identity(), inventory(other)],
    ["with a label, where nothing was deployed from", fresh, inventory({ installation: own })],
    ["without a label, where nothing was deployed from", fresh, inventory()],
  ])("%s", (_, who, found) => {
    expect(texts(foreignTo(who, found))).toEqual(both);
  });
});

describe("what is on the target is this state's", () => {
  test.each<[string, StackIdentity, Inventory]>([
    ["with its label", identity(), inventory({ installation: own })],
    [
      "with the label of one that it has adopted",
      identity({ adopted: [other.installation] }),
      inventory(other),
    ],
    ["without a label, from before there was one", identity({ installation: undefined }), inventory()],
    ["without a label, after a down", identity({ resources: 0 }), inventory()],
    ["when there is nothing", fresh, { objects: [], volumes: [] }],
  ])("%s", (_, who, found) => {
    expect(foreignTo(who, found)).toEqual([]);
  });
});

test("the refusal says whose it is, where, and what to do", () => {
  expect(() => checkOwnership("dev", identity(), inventory(other))).toThrow(
    expect.objectContaining({
      code: "E_FOREIGN",
      exitCode: 2,
      message:
        "The stack dev belongs to another installation: fedcba9876543210, made by ann@laptop:/srv/lab (container datalab-dev-core, volume datalab-dev-postgres-data). This checkout's is 0123456789abcdef. Nothing was changed.",
      hint: "Work in the checkout that made it, or choose another name with --stack. If its checkout or its state is lost, take the data over: ./datalab platform adopt --stack dev",
    }),
  );
});

test("containers that an empty state does not know stop an update, and not a down", () => {
  const lost = identity({ resources: 0 });
  const found = inventory({ installation: own });
  expect(() => checkOwnership("dev", lost, found, { orphans: "refused" })).toThrow(
    "The stack dev is there, but the state of this checkout does not know it (container datalab-dev-core). Nothing was changed.",
  );
  expect(() => checkOwnership("dev", lost, found)).not.toThrow();
  // Its data alone is what the next update adopts.
  expect(() => checkOwnership("dev", lost, { ...found, objects: [] }, { orphans: "refused" })).not.toThrow();
});
