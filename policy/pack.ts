import { PolicyPack, type ResourceValidationPolicy, type StackValidationPolicy } from "@pulumi/policy";
import { rules } from "./rules/index.ts";
import type { Resource } from "./rules/rule.ts";

/**
 * The rules as a CrossGuard pack: every resource is judged before it is made, and the stack as a whole in the
 * end.
 */
new PolicyPack("datalab", {
  enforcementLevel: "mandatory",
  policies: rules.map((rule): ResourceValidationPolicy | StackValidationPolicy => {
    const { name, summary: description } = rule;
    return "check" in rule
      ? {
          name,
          description,
          validateResource: ({ type, name, props }, report) => {
            for (const message of rule.check({ type, name, props } as Resource)) report(message);
          },
        }
      : {
          name,
          description,
          validateStack: ({ resources }, report) => {
            const all = resources.map(({ type, name, props }) => ({ type, name, props }) as Resource);
            for (const { resource, message } of rule.checkAll(all)) report(`${resource}: ${message}`);
          },
        };
  }),
});
