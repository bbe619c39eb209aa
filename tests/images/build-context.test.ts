import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { layOut } from "../../src/images/build-context.ts";

const folder = mkdtempSync(join(tmpdir(), "datalab-context-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("a checkout that only its owner can read gives a context that every user can", () => {
  const checkout = join(folder, "checkout");
  const before = process.umask(0o077);
  try {
    mkdirSync(join(checkout, "gold"), { recursive: true });
    for (const name of ["gold/a.sql", "datalab-start", "core.mjs"]) writeFileSync(join(checkout, name), name);
    chmodSync(join(checkout, "core.mjs"), 0o600);
    layOut(
      join(folder, "context"),
      [
        { from: join(checkout, "gold/a.sql"), to: "pipelines/etl/gold/a.sql" },
        { from: join(checkout, "datalab-start"), to: "datalab-start" },
      ],
      ["services"],
      new Map([["core.mjs", join(checkout, "core.mjs")]]),
    );
  } finally {
    process.umask(before);
  }
  const modes = Object.fromEntries(
    [".", ...(readdirSync(join(folder, "context"), { recursive: true }) as string[])]
      .sort()
      .map((path) => [path, (statSync(join(folder, "context", path)).mode & 0o777).toString(8)]),
  );
  expect(modes).toEqual({
    ".": "755",
    "core.mjs": "755",
    "datalab-start": "755",
    pipelines: "755",
    "pipelines/etl": "755",
    "pipelines/etl/gold": "755",
    "pipelines/etl/gold/a.sql": "644",
    services: "755",
  });
});
