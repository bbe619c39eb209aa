import type { Input } from "@pulumi/pulumi";
import { labelNames } from "../../model/names.ts";
import type { PlatformModel } from "../../model/platform.ts";

/** Whose an object is: on everything that the program makes. */
export const ownerLabels = ({
  stack,
  installation,
}: Pick<PlatformModel, "stack" | "installation">): Readonly<Record<string, string>> => ({
  [labelNames.stack]: stack,
  ...(installation && {
    [labelNames.installation]: installation.id,
    [labelNames.origin]: installation.origin,
  }),
});

/** Docker's labels as the provider takes them, in one order. */
export function labelList(labels: Readonly<Record<string, Input<string>>>) {
  return Object.entries(labels)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([label, value]) => ({ label, value }));
}
