import type { CheckContext } from "../../model/service.ts";
import { ConnectError, ConnectSession, unauthenticated } from "./connect-client.ts";

/** What the master's `/json/` says. */
export interface MasterState {
  readonly status: string;
  readonly workers: readonly { readonly state: string; readonly cores: number }[];
  readonly activeapps: readonly { readonly name: string; readonly state: string }[];
}

/** Says what is wrong with a cluster, or in a few words what there is. */
export function judge(state: MasterState, application: string): string {
  if (state.status !== "ALIVE") throw new Error(`the master is ${state.status}`);
  const alive = state.workers.filter((worker) => worker.state === "ALIVE");
  if (alive.length === 0) throw new Error("no worker is registered");
  if (!state.activeapps.some((app) => app.name === application))
    throw new Error(`the application "${application}" is not registered`);
  const cores = alive.reduce((sum, worker) => sum + worker.cores, 0);
  return `${alive.length} ${alive.length === 1 ? "worker" : "workers"}, ${cores} cores`;
}

/** The master, its workers and the server of sessions know each other. */
export async function clusterIsWhole({ endpoints, signal }: CheckContext): Promise<string> {
  const answer = await fetch(`${endpoints["main.ui"]}/json/`, { signal });
  if (!answer.ok) throw new Error(`the master answered ${answer.status}`);
  return judge((await answer.json()) as MasterState, "connect");
}

/** A session as any client opens one, a query in it, and a stranger who is sent away. */
export async function sessionAnswers({ endpoints, secrets, signal }: CheckContext): Promise<string> {
  const { host } = new URL((endpoints["connect.connect"] ?? "").replace(/^\w+:/, "http:"));
  const stranger = new ConnectSession(host, "a-wrong-token", signal);
  try {
    const version = await stranger.version();
    throw new Error(`a wrong token was let in (Spark ${version})`);
  } catch (error) {
    if (!(error instanceof ConnectError) || error.status !== unauthenticated) throw error;
  } finally {
    await stranger.close();
  }
  const session = new ConnectSession(host, secrets.token ?? "", signal);
  try {
    const version = await session.version();
    // The server answers this by itself: a check must not keep an executor, and its memory, alive for ever.
    const rows = await session.rows("VALUES 1, 2, 3");
    if (rows !== 3) throw new Error(`a query answered ${rows} rows, not 3`);
    return `Spark ${version}`;
  } finally {
    await session.close();
  }
}
