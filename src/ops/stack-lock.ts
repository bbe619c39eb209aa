import { AsyncLocalStorage } from "node:async_hooks";
import { deploymentTargetOf } from "../declare.ts";
import type { DeploymentTarget } from "../model/platform.ts";
import { stateLock } from "./engine/state-lock.ts";
import { type Holder, lockCheckout, thisProcess } from "./lock.ts";
import type { Reporter, Step } from "./reporter.ts";
import { deadHolders, type LockPlace, type SharedLock, takeShared } from "./shared-lock.ts";
import { lockPlaceOf } from "./targets.ts";

export interface StackLockOptions {
  readonly project: string;
  readonly stack: string;
  /** @default where the stack's file says that it runs */
  readonly target?: DeploymentTarget;
  readonly signal?: AbortSignal;
  /** Shows that a silent holder is watched, which takes half a minute. */
  readonly reporter?: Reporter;
}

/** Stacks that the running operation has locked: what it calls in turn does not wait for itself. */
const held = new AsyncLocalStorage<ReadonlySet<string>>();

/**
 * Does what changes a stack while nobody else does, wherever they start it: a lock in this checkout, one
 * beside the state where that is shared, and one where the stack runs. Throws E_LOCKED (exit 4) at once when
 * one is held; work that has lost its lock is aborted and throws E_LOCK_LOST. Pulumi's own lock stands behind
 * them, for whoever runs pulumi by hand.
 */
export async function withStackLock<T>(
  options: StackLockOptions,
  command: string,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { project, stack, signal = new AbortController().signal, reporter } = options;
  const key = `${project}\n${stack}`;
  const outer = held.getStore() ?? new Set<string>();
  if (outer.has(key)) return work(signal);
  const target = options.target ?? deploymentTargetOf(project, stack);
  const mine = thisProcess(command);
  const own = lockCheckout(project, stack, mine);
  const shared: SharedLock[] = [];
  try {
    for (const place of [stateLock(project, stack), await lockPlaceOf(target)]) {
      if (!place) continue;
      shared.push(await take(place, stack, mine, reporter, signal));
    }
    const lost = shared.map((lock) => lock.lost);
    try {
      const dead = shared.flatMap((lock) => lock.dead);
      return await deadHolders.run(dead, () =>
        held.run(new Set([...outer, key]), () => work(AbortSignal.any([signal, ...lost]))),
      );
    } catch (error) {
      throw lost.find(({ aborted }) => aborted)?.reason ?? error;
    }
  } finally {
    await Promise.allSettled(shared.toReversed().map((lock) => lock.release()));
    own.release();
  }
}

async function take(
  place: LockPlace,
  stack: string,
  mine: Holder,
  reporter: Reporter | undefined,
  signal: AbortSignal,
): Promise<SharedLock> {
  let step: Step | undefined;
  const onWatch = ({ command, user, host }: Holder) => {
    step ??= reporter?.step("lock");
    step?.update(`${command} of ${user}@${host} holds it and is silent: watching whether it lives`);
  };
  try {
    const lock = await takeShared(place, stack, mine, { onWatch, signal });
    step?.done("taken over: its holder gave no sign of life");
    return lock;
  } catch (error) {
    step?.fail();
    throw error;
  }
}
