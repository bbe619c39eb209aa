/** Flow runs, seen through Prefect's own API. */
import type { Stage } from "./stage.ts";

export interface Run {
  readonly id: string;
  readonly name: string;
  readonly state: { readonly type: string; readonly name: string; readonly message: string | null };
}

/** Starts a run of the medallion pipeline without waiting for it; returns its id. */
export async function startMedallion(stage: Stage): Promise<string> {
  return (await stage.project.json<{ run: string }>("pipelines", "run", "medallion_etl")).run;
}

/** Reads a run as it is now, each time it is called. */
export async function flowRun(stage: Stage, id: string): Promise<() => Promise<Run>> {
  const ask = await prefect(stage);
  return () => ask<Run>(`/flow_runs/${id}`);
}

/** Every run that has not ended and is not just planned. */
export async function runsUnderWay(stage: Stage): Promise<Run[]> {
  const ask = await prefect(stage);
  return ask("/flow_runs/filter", {
    flow_runs: { state: { type: { any_: ["PENDING", "RUNNING", "CANCELLING"] } } },
  });
}

/** What opens Prefect: the gateway's token where there is a gateway, its own login elsewhere. */
async function login(stage: Stage): Promise<string> {
  const token = await stage.project.datalab("secrets", "show", "gateway/token", "--json");
  if (token.code === 0) return `Bearer ${(JSON.parse(token.stdout) as { value: string }).value}`;
  return `Basic ${Buffer.from(`admin:${await stage.secret("prefect/admin")}`).toString("base64")}`;
}

async function prefect(stage: Stage) {
  const authorization = await login(stage);
  return async <T>(path: string, body?: unknown): Promise<T> => {
    const answer = await fetch(`http://127.0.0.1:${stage.port(4200)}/api${path}`, {
      method: body === undefined ? "GET" : "POST",
      // Services stop and start between two calls: a kept connection would lead to nobody.
      headers: { authorization, connection: "close", "content-type": "application/json" },
      signal: AbortSignal.timeout(15_000),
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`);
    return (await answer.json()) as T;
  };
}
