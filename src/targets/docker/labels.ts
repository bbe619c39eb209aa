import type { Input } from "@pulumi/pulumi";

/** Docker's labels as the provider takes them, in one order. */
export function labelList(labels: Readonly<Record<string, Input<string>>>) {
  return Object.entries(labels)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([label, value]) => ({ label, value }));
}
