import { labelNames } from "../../model/names.ts";
import { dockerText } from "./cli.ts";

/** What containers that stand beside a stack for a while, and the volumes that they make, have in common. */

/** Options of `docker run`: such a container may do no more than one of the stack. */
export const confinement: readonly string[] = [
  "--user=10001:10001",
  "--read-only",
  "--cap-drop=ALL",
  "--security-opt=no-new-privileges:true",
];

/** Labels by which a stack's things of one role are known, as `name=value`. */
export const labelsOf = (stack: string, service: string, role: string): readonly string[] => [
  `${labelNames.stack}=${stack}`,
  `${labelNames.service}=${service}`,
  `${labelNames.role}=${role}`,
];

/** Options that give something these labels. */
export const labelled = (stack: string, service: string, role: string): string[] =>
  labelsOf(stack, service, role).flatMap((label) => ["--label", label]);

/**
 * A data volume as the program, or its service, makes it, which takes it into its hands; one that is there
 * stays as it is.
 */
export async function ensureDataVolume(stack: string, service: string, name: string): Promise<void> {
  await dockerText(["volume", "create", ...labelled(stack, service, "data"), name]);
}
