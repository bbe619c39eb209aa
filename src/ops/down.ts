import { DatalabError } from "../config/error.ts";
import { siteOf } from "./deployment.ts";
import { hostOf, type KeptVolume } from "./host.ts";
import { stopIfAborted } from "./interrupt.ts";
import { lockStack } from "./lock.ts";
import type { Reporter } from "./reporter.ts";
import { ensureStack, stackExists } from "./stack.ts";
import { runOnStack } from "./stack-run.ts";
import { describeChanges } from "./up-words.ts";

export interface DownOptions {
  readonly project: string;
  readonly stack: string;
  readonly deleteData: boolean;
  readonly reporter: Reporter;
  readonly onEngineLine?: (line: string) => void;
  readonly signal: AbortSignal;
}

export interface DownResult {
  readonly stack: string;
  readonly changes: Readonly<Record<string, number>>;
  /** Data volumes that are still there: the next up adopts them. */
  readonly kept: readonly KeptVolume[];
  readonly deleted: readonly string[];
}

/**
 * Takes a stack down: its resources, then whatever else carries its labels. Data volumes stay unless they are to be
 * deleted. Throws when something is left, with its name.
 */
export async function down(options: DownOptions): Promise<DownResult> {
  const { project, stack, deleteData, reporter, signal } = options;
  const host = await hostOf(siteOf(project, stack));
  const lock = lockStack(project, stack, "datalab down");
  try {
    const step = reporter.step("engine");
    let changes: Readonly<Record<string, number>> = {};
    try {
      if (await stackExists(project, stack)) {
        await ensureStack(project, stack);
        changes = await destroy(options, host);
      }
      step.done(describeChanges(changes));
    } catch (error) {
      step.fail();
      throw error;
    }
    stopIfAborted(signal);

    const found = await host.inventory(stack, { sizes: false });
    await host.removeLeftovers(found.objects);
    const deleted = deleteData ? found.volumes.map(({ name }) => name) : [];
    await host.removeVolumes(deleted);
    const left = await host.inventory(stack, { sizes: !deleteData });
    const remaining = [
      ...left.objects.map(({ kind, name }) => `${kind} ${name}`),
      ...(deleteData ? left.volumes.map((v) => v.name) : []),
    ];
    if (remaining.length > 0) {
      throw new DatalabError(
        "E_LEFT",
        `The stack ${stack} is down, but this is left: ${remaining.join(", ")}`,
        {
          hint: "Something else may be using it; run ./datalab down again when it has ended.",
        },
      );
    }
    return { stack, changes, kept: left.volumes, deleted };
  } finally {
    lock.release();
  }
}

async function destroy(options: DownOptions, host: Awaited<ReturnType<typeof hostOf>>) {
  const { project, stack, signal, onEngineLine } = options;
  const run = () =>
    runOnStack("destroy", {
      project,
      stack,
      signal,
      host,
      ...(onEngineLine && { onLine: onEngineLine }),
    });
  await host.removeSpawned(stack);
  const stopped = host.stopInOrder?.(stack).catch(() => {}); // the engine stops what still runs, or says why it can't
  let { result, error } = await run();
  await stopped;
  // The hub may have started another one before it ended itself.
  if (error && !signal.aborted && (await host.removeSpawned(stack)).length > 0) {
    ({ result, error } = await run());
  }
  stopIfAborted(signal);
  if (error) throw error;
  return result.changes;
}
