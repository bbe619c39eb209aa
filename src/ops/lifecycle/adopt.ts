import { deploymentTargetOf } from "../../declare.ts";
import { DatalabError } from "../../errors.ts";
import { ensureStack, newInstallation, setInstallation } from "../engine/stack.ts";
import { readIdentity, writeInstallation } from "../engine/stack-identity.ts";
import { type Reporter, runStep } from "../reporter.ts";
import { ownersOf } from "../services/owner.ts";
import { withStackLock } from "../stack-lock.ts";
import type { KeptVolume, Owner, StackObject } from "../target.ts";
import { hostOf } from "../targets.ts";

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
    // Another id than before: a checkout that still has the old one finds that the stack is no longer its
    // own.
    const installation = newInstallation(project);
    const others = [
      ...found.owners.map((owner) => owner.installation),
      ...(identity.installation === undefined ? [] : [identity.installation]),
      ...identity.adopted,
    ];
    await setInstallation(project, stack, installation);
    await writeInstallation(project, stack, installation.id, [...new Set(others)]);
    return { ...found, adopted: true, installation: installation.id };
  });
}
