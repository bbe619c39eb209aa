import { setTimeout as sleep } from "node:timers/promises";
import { DatalabError } from "../../errors.ts";
import type { PlatformOutput } from "../../outputs/platform.ts";
import { throwIfAborted } from "../abort.ts";
import type { Credentials } from "./credentials.ts";
import { type PrefectClient, prefectOf } from "./prefect-client.ts";

export interface Quiet {
  /** The pools that were paused for it, not those that were before. */
  readonly pools: readonly string[];
}

/** The orchestrator of the stack; undefined when it has none. */
export function orchestratorOf(
  platform: PlatformOutput,
  credentials: Credentials,
): PrefectClient | undefined {
  try {
    return prefectOf(platform, credentials);
  } catch (error) {
    if (error instanceof DatalabError && error.code === "E_NO_PREFECT") return undefined;
    throw error;
  }
}

export interface QuiesceOptions {
  readonly signal: AbortSignal;
  /** Seconds that runs under way have to end. */
  readonly timeoutSeconds: number;
  readonly onWaiting: (runs: number) => void;
  /** Told before a pool is paused, so that it is known even if this program is killed. */
  readonly onPause: (pools: readonly string[]) => void;
}

/** Hands out no more runs and waits until none is under way. When they take too long, all is as before. */
export async function quiesce(client: PrefectClient, options: QuiesceOptions): Promise<Quiet> {
  const { signal, timeoutSeconds, onWaiting, onPause } = options;
  const pools = (await client.pools()).filter((pool) => !pool.is_paused).map(({ name }) => name);
  onPause(pools);
  try {
    for (const pool of pools) await client.pausePool(pool, true);
    const until = Date.now() + timeoutSeconds * 1000;
    for (;;) {
      const active = await client.activeRuns();
      if (active.length === 0) return { pools };
      throwIfAborted(signal);
      if (Date.now() > until) {
        throw new DatalabError(
          "E_RUNS_ACTIVE",
          `${active.length} pipeline runs are still active: ${active.map(({ name }) => name).join(", ")}.`,
          { hint: "Wait for them, or cancel them, and call this again; --timeout gives them more seconds." },
        );
      }
      onWaiting(active.length);
      await sleep(1000, undefined, { signal }).catch(() => {});
    }
  } catch (error) {
    await resume(client, pools);
    throw error;
  }
}

export async function resume(client: PrefectClient, pools: readonly string[]): Promise<void> {
  for (const pool of pools) await client.pausePool(pool, false);
}
