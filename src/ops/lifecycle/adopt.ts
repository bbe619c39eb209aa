import { deploymentTargetOf } from "../../declare.ts";
import { DatalabError } from "../../errors.ts";
import {
  ensureStack,
  givenInstallation,
  newInstallation,
  originOf,
  setInstallation,
} from "../engine/stack.ts";
import { readIdentity, writeInstallation } from "../engine/stack-identity.ts";
import { type Reporter, runStep } from "../reporter.ts";
import { withStackLock } from "../stack-lock.ts";
import type { KeptVolume, Owner, StackObject } from "../target.ts";
import { hostOf } from "../targets.ts";
import { ownersOf, ownerText } from "./ownership.ts";

export interface AdoptOptions {
  readonly project: string;
  readonly stack: string;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
  /** Asked before anything is changed. */
  readonly confirm: (found: Adoptable) => Promise<boolean>;
}

/** What carries a stack's name on its target, and whose it is. */
export interface Adoptable {
  readonly stack: string;
  readonly owners: readonly Owner[];
  readonly objects: readonly StackObject[];
  readonly volumes: readonly KeptVolume[];
}

/** `datalab platform adopt --json`. */
export interface Adopted extends Adoptable {
  /** false: there was nothing, or the answer was no. */
  readonly adopted: boolean;
  /** The installation that the stack is from now on; null: nothing was changed. */
  readonly installation: string | null;
}

function severalOwners({ stack, owners, objects, volumes }: Adoptable): DatalabError {
  const lines = owners.map((owner) => {
    const theirs = [...objects, ...volumes].filter(
      (thing) => thing.owner?.installation === owner.installation,
    );
    return `${ownerText(owner)}: ${theirs.map(({ name }) => name).join(", ")}`;
  });
  return new DatalabError(
    "E_ADOPT",
    `What carries the name of the stack ${stack} belongs to ${owners.length} installations:\n${lines.join("\n")}`,
    { hint: "Remove what is not wanted from its own checkout, or by hand, and adopt the rest." },
  );
}

/**
 * Makes a stack this checkout's whose own checkout or state is lost: what holds no data is removed, volumes
 * are kept, and the next up creates the rest around them. Throws E_ADOPT when this checkout's state has a
 * stack of that name.
 */
export async function adopt(options: AdoptOptions): Promise<Adopted> {
  const { project, stack, reporter } = options;
  const target = deploymentTargetOf(project, stack);
  const host = await hostOf(target);
  const [identity, inventory] = await Promise.all([
    readIdentity(project, stack),
    host.inventory(stack, { sizes: true }),
  ]);
  if (identity.resources > 0) {
    throw new DatalabError(
      "E_ADOPT",
      `The state of this checkout has a stack ${stack} with ${identity.resources} resources: there is nothing to adopt.`,
      {
        hint: `./datalab up --stack ${stack} repairs it; ./datalab drift --stack ${stack} shows what differs.`,
      },
    );
  }
  const { objects, volumes } = inventory;
  const found: Adoptable = { stack, owners: ownersOf([...objects, ...volumes]), objects, volumes };
  const refused: Adopted = { ...found, adopted: false, installation: null };
  if (objects.length + volumes.length === 0) return refused;
  if (found.owners.length > 1) throw severalOwners(found);
  if (!(await options.confirm(found))) return refused;
  return withStackLock({ ...options, target }, "datalab platform adopt", async () => {
    await runStep(reporter, "objects", async () => {
      await host.removeSpawned(stack);
      await host.removeObjects?.(stack);
      const left = (await host.inventory(stack, { sizes: false })).objects;
      await host.removeLeftovers(left);
      return [undefined, `removed ${objects.length}`];
    });
    await ensureStack(project, stack, { identity });
    const id =
      found.owners[0]?.installation ?? givenInstallation(project, stack)?.id ?? newInstallation(project).id;
    await setInstallation(project, stack, { id, origin: originOf(project) });
    await writeInstallation(project, stack, id);
    return { ...found, adopted: true, installation: id };
  });
}
