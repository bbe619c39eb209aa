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

/** What the driver's `/api/v1/applications/<id>/executors` says; the driver is one of them. */
export interface ExecutorState {
  readonly id: string;
  readonly isActive: boolean;
  readonly totalCores: number;
}

/** The same of a driver that asks the cluster for executors: none is fine, as long as there is no work. */
export function judgeDriver(executors: readonly ExecutorState[]): string {
  const active = executors.filter(({ isActive }) => isActive);
  if (!active.some(({ id }) => id === "driver")) throw new Error("the driver is not active");
  const own = active.filter(({ id }) => id !== "driver");
  const cores = own.reduce((sum, { totalCores }) => sum + totalCores, 0);
  return `${own.length} ${own.length === 1 ? "executor" : "executors"}, ${cores} cores`;
}

/**
 * The master, its workers and the server of sessions know each other; without a master, the driver its
 * executors.
 */
export async function clusterIsWhole({ endpoints, signal }: CheckContext): Promise<string> {
  const ask = async (who: string, url: string): Promise<unknown> => {
    const answer = await fetch(url, { signal });
    if (!answer.ok) throw new Error(`the ${who} answered ${answer.status}`);
    return answer.json();
  };
  const master = endpoints["main.ui"];
  if (master !== undefined) return judge((await ask("master", `${master}/json/`)) as MasterState, "connect");
  const api = `${endpoints["connect.ui"]}/api/v1/applications`;
  const [application] = (await ask("driver", api)) as { readonly id: string }[];
  if (!application) throw new Error("the driver runs no application");
  return judgeDriver((await ask("driver", `${api}/${application.id}/executors`)) as ExecutorState[]);
}

/** Opens a session as a client does, runs a query in it, and checks that a wrong token is refused. */
export async function sessionAnswers({ endpoints, secrets, signal }: CheckContext): Promise<string> {
  const { host } = new URL((endpoints["connect.connect"] ?? "").replace(/^\w+:/, "http:"));
  const stranger = new ConnectSession(host, "a-wrong-token", signal);
  try {
    const version = await stranger.version();
    throw new Error(`a wrong token was accepted (Spark ${version})`);
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
