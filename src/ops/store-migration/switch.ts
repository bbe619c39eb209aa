import { setPlatformField } from "../../config/edit.ts";
import { DatalabError } from "../../errors.ts";
import type { PlatformOutput } from "../../outputs/platform.ts";
import { engineVariable } from "../../services/object-store/engine.ts";
import type { EngineName } from "../../services/object-store.ts";
import { up } from "../lifecycle/up.ts";
import { enginePath, type Store } from "../object-store/engines.ts";
import type { Reporter } from "../reporter.ts";
import type { Credentials } from "../services/credentials.ts";
import { orchestratorOf, resume } from "../services/quiesce.ts";
import type { Host } from "../target.ts";
import { setHolder } from "./holder.ts";
import { forget, type Journal, writeJournal } from "./journal.ts";

export interface Parts {
  readonly project: string;
  readonly stack: string;
  readonly to: EngineName;
  readonly dryRun: boolean;
  readonly timeoutSeconds: number;
  readonly target: Store;
  readonly host: Host;
  readonly image: string;
  readonly platform: PlatformOutput;
  readonly credentials: Credentials;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
}

/**
 * Makes the stack run on the engine that has the objects now: configuration, the word on the volume, `up`. If
 * the new engine does not come up, all three go back.
 */
export async function switchOver(
  parts: Parts,
  journal: Journal | undefined,
  at: { readonly ready: boolean },
): Promise<void> {
  const { project, stack, to, target, host, image, platform, credentials } = parts;
  if (journal) writeJournal(project, stack, journal);
  const edited = setPlatformField(project, stack, enginePath(target.service), to);
  const from = journal?.from;
  try {
    if (!at.ready) await setHolder(host.stores, stack, target.workload, image, to);
    await bringUp(parts, to, resumeWriters);
  } catch (error) {
    if (from === undefined || from === to) throw error;
    if (await isServing(parts)) {
      throw new DatalabError(
        "E_MIGRATE_NOT_READY",
        `The objects are in ${to} and that engine runs, but another service did not start: ${(error as Error).message}`,
        {
          hint: "Fix the cause, then run ./datalab data migrate-store again to continue.",
        },
      );
    }
    edited.undo();
    await host.stores.stopInstance(stack, target.workload.name);
    await setHolder(host.stores, stack, target.workload, image, from);
    await bringUp({ ...parts, signal: new AbortController().signal }, from, resumeWriters);
    forget(project, stack);
    throw error;
  }
  forget(project, stack);

  async function resumeWriters(): Promise<void> {
    const client = orchestratorOf(platform, credentials);
    if (client && journal) await resume(client, journal.pools);
  }
}

/** The new engine's container runs: whatever it has acknowledged since must not be lost by going back. */
async function isServing({ host, stack, target, to }: Parts): Promise<boolean> {
  const env = await host.stores.environment(stack, target.workload.name);
  const isNew = env?.[engineVariable] === to;
  return isNew && (await host.stores.isRunning(stack, target.workload.name));
}

/**
 * The engine does not start what was stopped and has not changed. Writers go on before the functional checks,
 * of which some are runs themselves.
 */
async function bringUp(
  { project, stack, reporter, signal, host, target }: Parts,
  engine: EngineName,
  onDeployed: () => Promise<void>,
) {
  const env = await host.stores.environment(stack, target.workload.name);
  if (env?.[engineVariable] === engine) await host.stores.startInstance(stack, target.workload.name);
  await up({ project, stack, reporter, signal, setupSeconds: 0, movesData: true, onDeployed });
}
