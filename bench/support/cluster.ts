import { execFileSync } from "node:child_process";
import { leftInCluster, testCluster } from "../../tests/acceptance/support/cluster.ts";

/** The cluster that acceptance tests may use too; without one it says so and ends with 2. */
export function benchCluster(): NonNullable<typeof testCluster> {
  if (testCluster) return testCluster;
  console.error(
    "DATALAB_TEST_CONTEXT and DATALAB_TEST_REGISTRY say where the cluster is; see docs/testing.md.",
  );
  process.exit(2);
}

/** kubectl in that cluster, with what it reads; throws when it fails. */
export function kubectl(args: readonly string[], input?: string): string {
  return execFileSync("kubectl", ["--context", benchCluster().context, ...args], {
    encoding: "utf8",
    maxBuffer: 1 << 28,
    ...(input !== undefined && { input }),
  });
}

/** Throws when there still is anything of a stack. */
export function nothingLeft(stack: string): void {
  const left = leftInCluster(stack);
  if (left.length > 0) throw new Error(`something was left: ${left.join(", ")}`);
}
