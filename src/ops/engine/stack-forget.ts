import { labelNames } from "../../model/names.ts";
import { dockerTypes } from "../docker/types.ts";
import { managed, type StateResource } from "../state-resource.ts";
import type { Inventory } from "../target.ts";
import { pulumiRead } from "./pulumi-cli.ts";

/** What an inventory by labels finds where it is there, and thereby proves to be gone where it does not. */
const inventoried: readonly string[] = Object.values(dockerTypes);

/**
 * Whether nothing of this state is left to do for an engine: all is gone, or stays where it is by the state's
 * own word.
 */
export function isAllGone(
  stack: string,
  state: readonly StateResource[],
  { objects, volumes }: Inventory,
): boolean {
  const there = new Set([...objects, ...volumes].map(({ name }) => name));
  return managed(state).every(
    ({ type, inputs, retainOnDelete, protect }) =>
      inventoried.includes(type) &&
      hasLabel(stack, inputs?.labels) &&
      !protect &&
      (retainOnDelete || !there.has(inputs?.name)),
  );
}

/** Names of volumes that are there and that the state lets go with the stack, data or not. */
export function volumesToGo(
  stack: string,
  state: readonly StateResource[],
  { volumes }: Inventory,
): readonly string[] {
  const known = managed(state).filter(({ type }) => type === dockerTypes.volume);
  const kept = known.filter(({ retainOnDelete, protect }) => retainOnDelete || protect);
  return volumes
    .map(({ name }) => name)
    .filter((name) => known.some(({ inputs }) => inputs?.name === name && hasLabel(stack, inputs?.labels)))
    .filter((name) => kept.every(({ inputs }) => inputs?.name !== name));
}

const hasLabel = (stack: string, labels: unknown): boolean =>
  Array.isArray(labels) && labels.some(({ label, value }) => label === labelNames.stack && value === stack);

/** Drops every resource from a stack's state; nothing of what it is about is touched. */
export async function forgetAll(project: string, stack: string): Promise<void> {
  await pulumiRead(project, stack, ["state", "delete", "--all", "--yes"]);
}
