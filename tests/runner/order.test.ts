import { globSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { order, placeOf } from "../acceptance/order.ts";

const root = resolve(import.meta.dirname, "../..");

test("every file of the acceptance tests has its place in the order", () => {
  const files = globSync("**/*.test.ts", { cwd: join(root, "tests/acceptance") });
  expect([...order].sort()).toEqual(files.sort());
});

test("a file that is not listed comes last", () => {
  expect(placeOf("/somewhere/tests/acceptance/platform.test.ts")).toBe(0);
  expect(placeOf("/somewhere/tests/acceptance/kubernetes.all.test.ts")).toBe(4);
  expect(placeOf("/somewhere/tests/acceptance/new.test.ts")).toBe(order.length);
});
