import { DatalabError } from "../../errors.ts";
import type { StackIdentity } from "../engine/stack-identity.ts";
import { otherCheckout, ownersOf, ownerText } from "../services/owner.ts";
import type { Inventory, Owner } from "../target.ts";

/** Something of a stack that another installation of the same name has made, or that no state knows. */
interface Thing {
  readonly text: string;
  readonly owner: Owner | undefined;
}

/**
 * Throws E_FOREIGN when anything on the target that carries the stack's name is not of the installation whose
 * state this is: a label alone gives nobody the right to change or remove it. What says nothing of its owner
 * is the state's, where that has ever been deployed.
 */
export function checkOwnership(
  stack: string,
  identity: StackIdentity,
  found: Inventory,
  { orphans = "allowed" }: { readonly orphans?: "allowed" | "refused" } = {},
): void {
  const foreign = foreignTo(identity, found);
  if (foreign.length > 0) throw notOurs(stack, identity, foreign);
  // Containers that an empty state does not know: it was lost, and the engine would run into their names.
  if (orphans === "refused" && identity.resources === 0 && found.objects.length > 0) {
    const things = found.objects.map(({ kind, name }) => ({ text: `${kind} ${name}`, owner: undefined }));
    throw notOurs(stack, identity, things);
  }
}

export function foreignTo(identity: StackIdentity, found: Inventory): Thing[] {
  const { installation, adopted, resources } = identity;
  const isKnown = installation !== undefined || resources > 0;
  const own = [installation, ...adopted];
  const things = [
    ...found.objects.map(({ kind, name, owner }) => ({ text: `${kind} ${name}`, owner })),
    ...found.volumes.map(({ name, owner }) => ({ text: `volume ${name}`, owner })),
  ];
  return things.filter(({ owner }) => (owner ? !own.includes(owner.installation) : !isKnown));
}

/** How many are named: the rest is counted. */
const shown = 5;

function notOurs(stack: string, identity: StackIdentity, things: readonly Thing[]): DatalabError {
  const owners = ownersOf(things);
  const whose =
    owners.length > 0
      ? `belongs to another installation: ${owners.map(ownerText).join("; ")}`
      : "is there, but the state of this checkout does not know it";
  const names = things.slice(0, shown).map(({ text }) => text);
  const more = things.length > shown ? ` and ${things.length - shown} more` : "";
  const own =
    owners.length > 0 && identity.installation ? ` This checkout's is ${identity.installation}.` : "";
  return new DatalabError(
    "E_FOREIGN",
    `The stack ${stack} ${whose} (${names.join(", ")}${more}).${own} Nothing was changed.`,
    { hint: otherCheckout(stack) },
  );
}
