import { type Estimate, estimate } from "../cloud/estimate.ts";
import { type SizeName, sizeNames } from "../cloud/sizes.ts";
import { declare } from "../declare.ts";
import { DatalabError } from "../errors.ts";

/** What a stack costs in a month by list prices, as configured or at another size. */
export function costOf(project: string, stack: string, size?: string): Estimate {
  if (size !== undefined && !(sizeNames as readonly string[]).includes(size)) {
    throw new DatalabError(
      "E_SIZE",
      `expected one of the sizes ${sizeNames.join(", ")}, received ${JSON.stringify(size)}`,
    );
  }
  const { aws, target } = declare(project, stack).model;
  if (!aws) {
    throw new DatalabError(
      "E_NO_COST",
      `The stack ${stack} has no costs to estimate: its target is ${target}.`,
      {
        hint: "Estimates exist only for stacks with target: aws.",
      },
    );
  }
  return estimate((size as SizeName | undefined) ?? aws.size, { zones: aws.zones.length, nat: aws.nat });
}
