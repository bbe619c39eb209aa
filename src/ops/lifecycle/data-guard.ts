import { DatalabError } from "../../errors.ts";
import type { Environment } from "../../model/environment.ts";
import type { PlatformModel } from "../../model/platform.ts";
import { lastRelease } from "../release/release.ts";
import type { Reporter } from "../reporter.ts";
import { mandatory, policyError } from "./policy.ts";
import { isProtected } from "./protection.ts";

/** How old a backup may be for the data that it holds to be given up. */
const freshHours = 24;

export interface GuardOptions {
  readonly project: string;
  readonly stack: string;
  readonly model: PlatformModel;
  readonly environment: Environment;
  readonly allowDataLoss?: readonly string[];
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
}

/** Something whose data an update would take away. */
interface Loss {
  readonly name: string;
  readonly message: string;
}

/**
 * Throws when an update would take data away that nobody has said may go. A protected stack is previewed for
 * it; elsewhere the last release tells which volumes there are, for a preview takes as long as the update.
 */
export async function guardData(options: GuardOptions): Promise<void> {
  const { project, stack, model, environment, allowDataLoss = [] } = options;
  const guarded = isProtected(stack, environment.config);
  const last = await lastRelease(project, stack);
  const losses = guarded ? await plannedLosses(options) : volumesLost(last?.volumes ?? [], model);
  const refused = losses.filter(({ name }) => !allowDataLoss.includes(name));
  if (refused.length > 0) {
    throw new DatalabError("E_DATA_LOSS", refused.map(({ message }) => `${message}.`).join("\n"), {
      hint: `Nothing was changed. To allow it: ${refused.map(({ name }) => `--allow-data-loss ${name}`).join(" ")}`,
    });
  }
  if (guarded && losses.length > 0) await askBackup(project, stack, losses);
}

/**
 * A protected stack gives up only what the last backup holds, which must be young and have been read back.
 */
async function askBackup(project: string, stack: string, losses: readonly Loss[]): Promise<void> {
  const { freshBackup } = await import("../backup/list.ts");
  const backup = await freshBackup(project, stack, freshHours);
  const open = losses.filter(({ name }) => !backup?.covers.includes(name)).map(({ name }) => name);
  if (open.length === 0) return;
  const words = backup
    ? `The last one, ${backup.id}, does not contain ${open.length === 1 ? "it" : "them"}`
    : `There is no verified backup of the last ${freshHours} hours`;
  throw new DatalabError(
    "E_BACKUP_REQUIRED",
    `${stack} is protected: deleting data needs a fresh, verified backup of ${open.join(", ")}. ${words}.`,
    {
      hint: backup
        ? "Nothing was changed. Data that no backup contains is deleted only if protect is false; see docs/backup.md."
        : `Nothing was changed. Make one and run the command again: ./datalab backup create --stack ${stack}`,
    },
  );
}

/** Volumes that go with their service, because their policy is to be deleted. */
function volumesLost(
  before: readonly { readonly name: string; readonly policy: "retain" | "delete" }[],
  model: PlatformModel,
): Loss[] {
  const after = new Set(
    model.services.flatMap((s) => s.workloads).flatMap((w) => w.volumes.map((v) => `${w.name}-${v.name}`)),
  );
  return before
    .filter(({ name, policy }) => policy === "delete" && !after.has(name))
    .map(({ name }) => ({ name, message: `The volume ${name} is deleted: everything in it is lost` }));
}

async function plannedLosses({ project, stack, reporter, signal }: GuardOptions): Promise<Loss[]> {
  const { preview } = await import("./preview.ts");
  const { risks, policy } = await preview({ project, stack, reporter, signal, refresh: false });
  // The engine asks about one resource after the other: what comes before a violation would be changed
  // already.
  const broken = mandatory(policy.violations);
  if (broken.length > 0) throw policyError(broken);
  return risks
    .filter(({ level }) => level === "data-loss")
    .map(({ name, message }) => ({ name, message: message.slice(0, 1).toUpperCase() + message.slice(1) }));
}
