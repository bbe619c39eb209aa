import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { placeOf } from "./tests/acceptance/order.ts";
import { filesOnlyInAll, tier } from "./tests/support/tier.ts";

class AcceptanceOrder extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => placeOf(a.moduleId) - placeOf(b.moduleId));
  }
}

const otherTier = tier === "all" ? [] : [filesOnlyInAll];

export default defineConfig({
  test: {
    sequence: { sequencer: AcceptanceOrder },
    projects: [
      {
        test: {
          name: "unit",
          include: ["tests/**/*.test.ts"],
          exclude: ["tests/acceptance/**", "tests/manifests/**", ...otherTier],
          // Properties and processes take their time on a machine that has other work.
          testTimeout: 90_000,
        },
      },
      {
        test: {
          name: "manifests",
          include: ["tests/manifests/**/*.test.ts"],
          exclude: otherTier,
          testTimeout: 5 * 60_000,
        },
      },
      {
        test: {
          // Real containers, and time to build and start them. A machine with little memory takes one file at
          // a time.
          name: "acceptance",
          include: ["tests/acceptance/**/*.test.ts"],
          exclude: otherTier,
          maxWorkers: Number(process.env.DATALAB_TEST_WORKERS || 2),
          sequence: { groupOrder: 1 },
          testTimeout: 15 * 60_000,
          hookTimeout: 15 * 60_000,
        },
      },
    ],
  },
});
