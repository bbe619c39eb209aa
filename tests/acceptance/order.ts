/**
 * Two files of the acceptance tests run at a time, in this order: each has stacks, ports and folders of its
 * own. The two long ones of Docker begin as far apart as they can, and those of the cluster follow each
 * other, because they share it.
 */
export const order = [
  "platform.test.ts",
  "agent.test.ts",
  "releases.test.ts",
  "small-cluster.test.ts",
  "kubernetes.all.test.ts",
  "foundation.all.test.ts",
  "races.all.test.ts",
  "kubernetes/agent.all.test.ts",
] as const;

/** A file that is not listed comes last. */
export function placeOf(path: string): number {
  const place = order.findIndex((name) => path.endsWith(`/tests/acceptance/${name}`));
  return place < 0 ? order.length : place;
}
