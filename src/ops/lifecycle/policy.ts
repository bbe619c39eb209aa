import { join } from "node:path";
import { rules } from "../../../policy/rules/index.ts";
import { DatalabError } from "../../errors.ts";
import { rules as modelRules } from "../../model/resolve/policy.ts";
import type { PolicyViolation } from "../engine/plan-events.ts";

/** What the engine is told so that it asks the policy pack about every resource. */
export function policyArguments(): { readonly args: readonly string[]; readonly rules: number } {
  // An executable by its absolute path: the language host that is built from modules can't start a folder.
  const pack = join(import.meta.dirname, "../../../policy/pack");
  return { args: ["--policy-pack", pack], rules: rules.length };
}

/** Violations that nothing is deployed with. */
export const mandatory = (violations: readonly PolicyViolation[]): readonly PolicyViolation[] =>
  violations.filter(({ level }) => level === "mandatory");

export const violationText = ({ resource, message, policy }: PolicyViolation): string =>
  `${resource ?? "the stack"}: ${message} (policy: ${policy})`;

export function policyError(violations: readonly PolicyViolation[]): DatalabError {
  return new DatalabError("E_POLICY", violations.map((v) => `✖ ${violationText(v)}`).join("\n"), {
    hint: "docs/policy.md explains the rules.",
  });
}

/** `datalab policy list --json`. */
export interface PolicyRule {
  readonly name: string;
  readonly on: "model" | "resources";
  readonly summary: string;
}

/** Rules on the model, which come before the engine, then those on planned resources. */
export function policyRules(): PolicyRule[] {
  return [
    ...modelRules.map(({ name }) => ({ name, on: "model" as const, summary: "Before the engine starts." })),
    ...rules.map(({ name, summary }) => ({ name, on: "resources" as const, summary })),
  ];
}
