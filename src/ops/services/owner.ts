import { DatalabError } from "../../errors.ts";
import type { PlatformOutput } from "../../outputs/platform.ts";
import type { Owner, Runtime } from "../target.ts";
import { runtimeOf } from "../targets.ts";

/** What does not say in this time whose it is, does not answer the command itself either. */
const patienceMs = 5000;

/**
 * Throws E_FOREIGN when what runs under the stack's name is not what this checkout has deployed: another one
 * has taken the stack over, and its services and its lake would be taken for one's own. When nothing runs, or
 * the target does not answer, the command that asked finds out itself.
 */
export async function checkOwner(
  platform: PlatformOutput,
  runtime: (platform: PlatformOutput) => Promise<Pick<Runtime, "owners">> = runtimeOf,
): Promise<void> {
  const { stack, installation } = platform;
  if (installation === undefined) return;
  const asked = runtime(platform).then((target) => target.owners(stack));
  const tooLate = Promise.withResolvers<readonly Owner[]>();
  const timer = setTimeout(() => tooLate.resolve([]), patienceMs);
  const owners = await Promise.race([asked.catch(() => []), tooLate.promise]);
  clearTimeout(timer);
  const others = ownersOf(owners.map((owner) => ({ owner }))).filter(
    (owner) => owner.installation !== installation,
  );
  if (others.length === 0) return;
  throw new DatalabError(
    "E_FOREIGN",
    `The stack ${stack} belongs to another installation: ${others.map(ownerText).join("; ")}. This checkout's is ${installation}. Nothing was read or changed.`,
    { hint: otherCheckout(stack) },
  );
}

export const otherCheckout = (stack: string): string =>
  `Work in the checkout that made it, or choose another name with --stack. If its checkout or its state is lost, take the data over: ./datalab platform adopt --stack ${stack}`;

export function ownersOf(things: readonly { readonly owner?: Owner | undefined }[]): Owner[] {
  const owners = things.flatMap(({ owner }) => owner ?? []);
  return [...new Map(owners.map((owner) => [owner.installation, owner])).values()];
}

export const ownerText = ({ installation, origin }: Owner): string =>
  origin === undefined ? installation : `${installation}, made by ${origin}`;
