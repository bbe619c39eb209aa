import { isInState, type StateResource } from "../state-resource.ts";
import type { DriftItem, Host, StackObject } from "../target.ts";

/**
 * Whatever carries the stack's label and is in no state, and what lies in its namespace without the label.
 */
export async function kubernetesDrift(
  stack: string,
  state: readonly StateResource[],
  host: Host,
): Promise<DriftItem[]> {
  const isKnown = isInState(state);
  const [{ objects }, spawned, foreign = []] = await Promise.all([
    host.inventory(stack, { sizes: false }),
    host.spawned(stack),
    host.foreign?.(),
  ]);
  const unknown = objects.filter((object) => !isKnown(object) && !spawned.includes(object.name));
  const found = (what: DriftItem["what"], details: string, repair: DriftItem["repair"]) => {
    return ({ kind, name }: StackObject): DriftItem => ({ what, kind, name, details, repair, urn: null });
  };
  return [
    ...unknown.map(found("unknown", "it carries the stack's label, and no state knows it", "remove")),
    ...foreign.map(found("foreign", "it is in the stack's namespace and not of the stack", "people")),
  ];
}
