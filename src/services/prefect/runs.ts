import { basicAuth } from "../../model/basic-auth.ts";
import type { CheckContext, Sample } from "../../model/service.ts";

/** Runs of pipelines as metrics: asked of Prefect's API, which keeps no such figures itself. */

interface Deployment {
  readonly id: string;
  readonly name: string;
  readonly tags: readonly string[];
}
export interface Run {
  readonly id: string;
  readonly deployment_id: string | null;
  readonly state_type: string;
  readonly state_name: string;
  readonly end_time: string | null;
  readonly expected_start_time: string | null;
  readonly next_scheduled_start_time: string | null;
  readonly total_run_time: number;
}

const ended = ["COMPLETED", "FAILED", "CRASHED", "CANCELLED"] as const;
const waiting: readonly string[] = ["SCHEDULED"];
const active: readonly string[] = ["PENDING", "RUNNING", "CANCELLING"];
const failed: readonly string[] = ["FAILED", "CRASHED"];
const day = 24 * 3600_000;
/** Prefect hands out at most this many at once. */
const page = 200;
/** Ended runs that are remembered, over all pipelines. */
const maxRemembered = 5_000;
/** A run may end in the moment of the question: each question reaches back behind the last one. */
const overlapMs = 60_000;
/** How many of a pipeline's last runs are looked at when the core starts. */
const lookedBack = 20;

/** What is known of the ended runs of one pipeline. */
class History {
  readonly runs = new Map<string, { readonly state: string; readonly endedAt: number }>();
  lastSuccess = 0;
  lastFailure = 0;
  last: { readonly endedAt: number; readonly seconds: number } | undefined;

  add(run: Run): void {
    if (run.end_time === null || this.runs.has(run.id)) return;
    const endedAt = Date.parse(run.end_time);
    this.runs.set(run.id, { state: run.state_type, endedAt });
    if (run.state_type === "COMPLETED") this.lastSuccess = Math.max(this.lastSuccess, endedAt);
    if (failed.includes(run.state_type)) this.lastFailure = Math.max(this.lastFailure, endedAt);
    if (endedAt >= (this.last?.endedAt ?? 0)) this.last = { endedAt, seconds: run.total_run_time };
  }

  /**
   * Forgets what no figure counts any more: runs of the day, and those that failed since the last success,
   * are kept.
   */
  prune(now: number): void {
    for (const [id, { state, endedAt }] of this.runs) {
      const counts = now - endedAt < day || (failed.includes(state) && endedAt > this.lastSuccess);
      if (!counts || this.runs.size > maxRemembered) this.runs.delete(id);
    }
  }

  /** Runs that failed since the last one that succeeded. */
  get consecutiveFailures(): number {
    return [...this.runs.values()].filter((r) => failed.includes(r.state) && r.endedAt > this.lastSuccess)
      .length;
  }

  endedWithinDay(state: string, now: number): number {
    return [...this.runs.values()].filter((r) => r.state === state && now - r.endedAt < day).length;
  }
}

/** Asks `POST path` of Prefect's API. */
type Ask = <T>(path: string, body: unknown) => Promise<T>;

/** Makes a collector that remembers what it has seen, so that each run asks for what is new only. */
export function pipelineRuns(ignoredTag: string): (ctx: CheckContext) => Promise<readonly Sample[]> {
  const histories = new Map<string, History>();
  let askedAt: number | undefined;

  return async (ctx) => {
    const ask = asker(ctx);
    const now = Date.now();
    const deployments = (await ask<Deployment[]>("/deployments/filter", { limit: page })).filter(
      ({ tags }) => !tags.includes(ignoredTag),
    );
    const known = new Map(deployments.map(({ id, name }) => [id, name]));
    for (const { id } of deployments) {
      if (histories.has(id)) continue;
      const history = new History();
      const last = await ask<Run[]>("/flow_runs/filter", {
        deployments: { id: { any_: [id] } },
        flow_runs: { state: { type: { any_: ended } } },
        sort: "END_TIME_DESC",
        limit: lookedBack,
      });
      for (const run of last) history.add(run);
      histories.set(id, history);
    }
    for (const id of histories.keys()) if (!known.has(id)) histories.delete(id);
    for (const run of await endedSince(ask, askedAt === undefined ? now - day : askedAt - overlapMs)) {
      histories.get(run.deployment_id ?? "")?.add(run);
    }
    askedAt = now;
    // In one question; what should have started long ago comes first, also of what is under way.
    const open = await ask<Run[]>("/flow_runs/filter", {
      flow_runs: { state: { type: { any_: [...waiting, ...active] } } },
      sort: "EXPECTED_START_TIME_ASC",
      limit: page,
    });
    return [...known].flatMap(([id, pipeline]) => {
      const of = (states: readonly string[]) =>
        open.filter((run) => run.deployment_id === id && states.includes(run.state_type));
      const history = histories.get(id) ?? new History();
      history.prune(now);
      return samplesOf(pipeline, history, of(waiting), of(active), now);
    });
  };
}

async function endedSince(ask: Ask, since: number): Promise<Run[]> {
  const found: Run[] = [];
  for (let offset = 0; offset < maxRemembered; offset += page) {
    const runs = await ask<Run[]>("/flow_runs/filter", {
      flow_runs: { state: { type: { any_: ended } }, end_time: { after_: new Date(since).toISOString() } },
      sort: "END_TIME_DESC",
      limit: page,
      offset,
    });
    found.push(...runs);
    if (runs.length < page) break;
  }
  return found;
}

function samplesOf(
  pipeline: string,
  history: History,
  waiting: readonly Run[],
  active: readonly Run[],
  now: number,
): Sample[] {
  const labels = { pipeline };
  const sample = (name: string, help: string, value: number, more: Record<string, string> = {}): Sample => ({
    name: `datalab_pipeline_${name}`,
    help,
    labels: { ...labels, ...more },
    value,
  });
  // A run that waits for its retry, or for its pipeline's other run, has had its turn.
  const due = waiting.filter(
    (run) => ["Scheduled", "Late"].includes(run.state_name) && run.expected_start_time,
  );
  const starts = due.map((run) => Date.parse(run.expected_start_time as string));
  const late = starts.filter((start) => start < now);
  const coming = starts.filter((start) => start >= now);
  return [
    ...ended.map((state) =>
      sample(
        "runs_day",
        "Runs that ended within the last 24 hours, by state.",
        history.endedWithinDay(state, now),
        {
          state: state.toLowerCase(),
        },
      ),
    ),
    sample(
      "consecutive_failures",
      "Runs that failed since the last one that succeeded.",
      history.consecutiveFailures,
    ),
    sample("running", "Runs that are under way.", active.length),
    sample(
      "lateness_seconds",
      "How long the run that has waited longest for its start is overdue; 0: none is.",
      late.length > 0 ? (now - Math.min(...late)) / 1000 : 0,
    ),
    ...(history.lastSuccess > 0
      ? [sample("last_success_timestamp_seconds", "When a run last succeeded.", history.lastSuccess / 1000)]
      : []),
    ...(history.lastFailure > 0
      ? [sample("last_failure_timestamp_seconds", "When a run last failed.", history.lastFailure / 1000)]
      : []),
    ...(history.last
      ? [sample("last_duration_seconds", "How long the last run that ended took.", history.last.seconds)]
      : []),
    ...(coming.length > 0
      ? [sample("next_run_timestamp_seconds", "When the next run is scheduled.", Math.min(...coming) / 1000)]
      : []),
  ];
}

function asker({ endpoints, secrets, signal }: CheckContext): Ask {
  const authorization = basicAuth({ user: "admin", password: secrets.admin as string });
  return async (path, body) => {
    const answer = await fetch(`${endpoints["main.api"]}/api${path}`, {
      method: "POST",
      headers: { authorization, "content-type": "application/json" },
      body: JSON.stringify(body),
      signal,
    });
    if (!answer.ok) throw new Error(`POST ${path} answered ${answer.status}`);
    return (await answer.json()) as never;
  };
}
