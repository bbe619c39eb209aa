import { defineConfig } from "vitest/config";
import { filesOnlyInAll, tier } from "./tests/support/tier.ts";

const otherTier = tier === "all" ? [] : [filesOnlyInAll];

export default defineConfig({
  test: {
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
          // Real containers: one file after the other, and time to build and start them.
          name: "acceptance",
          include: ["tests/acceptance/**/*.test.ts"],
          exclude: otherTier,
          fileParallelism: false,
          testTimeout: 15 * 60_000,
          hookTimeout: 15 * 60_000,
        },
      },
    ],
  },
});
