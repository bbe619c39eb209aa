import { restricted } from "./confinement.ts";
import { dataIsKept } from "./data.ts";
import { bucketsAreGuarded, encrypted, noPublicAccess } from "./encryption.ts";
import { noWildcardAccess } from "./iam.ts";
import { digestsOnly } from "./images.ts";
import { labels } from "./labels.ts";
import { limits, probes } from "./limits.ts";
import { noPublicPort } from "./network.ts";
import type { Resource, Rule } from "./rule.ts";

/** Every rule on planned resources. The pack, the tests and `datalab policy` go by this list. */
export const rules: readonly Rule[] = [
  noPublicPort,
  digestsOnly,
  limits,
  probes,
  dataIsKept,
  restricted,
  encrypted,
  noPublicAccess,
  bucketsAreGuarded,
  labels,
  noWildcardAccess,
];

export interface Violation {
  readonly policy: string;
  readonly resource: string;
  readonly message: string;
}

/** What is wrong with these resources, by every rule. */
export function violationsOf(resources: readonly Resource[], by: readonly Rule[] = rules): Violation[] {
  return by.flatMap((rule) =>
    "check" in rule
      ? resources.flatMap((resource) =>
          rule.check(resource).map((message) => ({ policy: rule.name, resource: resource.name, message })),
        )
      : rule.checkAll(resources).map((found) => ({ policy: rule.name, ...found })),
  );
}
