/**
 * The tiers of a test run: `./datalab test` and `./datalab test --all`. docs/testing.md says which test
 * belongs where.
 */
export type Tier = "default" | "all";

/** The tier of this run; the runner sets it. */
export const tier: Tier = process.env.DATALAB_TEST_TIER === "all" ? "all" : "default";

/**
 * Declares tests that `--all` alone runs. The default tier does not collect them, so that no count calls them
 * skipped.
 */
export function onlyInAll(declare: () => void): void {
  if (tier === "all") declare();
}

/** Files of tests that `--all` alone runs. */
export const filesOnlyInAll = "tests/**/*.all.test.ts";
