import { setTimeout as sleep } from "node:timers/promises";
import type { FailedOneShot, UpdateView, WorkloadFailure } from "../target.ts";
import type { Cluster } from "./api.ts";
import { lastLog } from "./logs.ts";
import { type ClusterEvent, type Job, ownSelector, type Pod, paths, workloadOf } from "./objects.ts";
import { failuresOf, jobVerdict, podVerdict, type Verdict } from "./pod-failure.ts";
import { listScaled } from "./scale.ts";
import { podState } from "./state.ts";

const pollMs = 2_000;
const logLines = 20;
const eventLines = 10;
/** What happened before an engine gave up, as far back as it may have waited. */
const recentMs = 15 * 60_000;
/** A controller that is refused tries again, with less and less patience. */
const refusedMs = 15_000;

/** What is known of one pod or Job while it is watched. */
interface Sight {
  /** It was there before the update, with so many failures. */
  readonly before: number | undefined;
  readonly kind?: Verdict["kind"];
  readonly since?: number;
}

/**
 * Watches a stack's pods while it starts. Resolves with the first workload that can't: it died twice, or what
 * it needs is not to be had for too long. What was there before and is replaced in this update may die as it
 * likes. Resolves with undefined when the signal aborts.
 */
export async function watchPods(
  cluster: Cluster,
  stack: string,
  update: UpdateView,
  signal: AbortSignal,
): Promise<WorkloadFailure | undefined> {
  const began = Date.now();
  const sights = new Map<string, Sight>();
  const refusedSince = new Map<string, number>();
  let isFirst = true;
  while (!signal.aborted) {
    // While the cluster does not answer nothing is known; the engine says so itself.
    const seen = await look(cluster, stack).catch(() => undefined);
    for (const { id, workload, verdict, failures } of seen ?? []) {
      const sight = sights.get(id) ?? { before: isFirst ? failures : undefined };
      const is = verdict(sight.before ?? 0);
      if (!is || (sight.before !== undefined && !update.isDeployed())) {
        sights.set(id, { before: sight.before });
        continue;
      }
      const since = sight.kind === is.kind ? (sight.since ?? Date.now()) : Date.now();
      sights.set(id, { ...sight, kind: is.kind, since });
      if (Date.now() - since < is.afterMs || (await update.isHealthy(workload))) continue;
      return failureOf(cluster, stack, workload, is, began);
    }
    if (seen) isFirst = false;
    const refused = await refusals(cluster, stack, began).catch(() => []);
    for (const workload of refusedSince.keys())
      if (!refused.some((each) => each.workload === workload)) refusedSince.delete(workload);
    for (const each of refused) {
      const since = refusedSince.get(each.workload) ?? Date.now();
      refusedSince.set(each.workload, since);
      if (Date.now() - since >= each.afterMs) return failureOf(cluster, stack, each.workload, each, began);
    }
    await sleep(pollMs, undefined, { signal }).catch(() => {});
  }
  return undefined;
}

type Refusal = Verdict & { readonly workload: string };

interface Seen {
  readonly id: string;
  readonly workload: string;
  readonly failures: number;
  verdict(before: number): Verdict | undefined;
}

async function look(cluster: Cluster, stack: string): Promise<readonly Seen[]> {
  const { namespace } = cluster.target;
  const query = { labelSelector: ownSelector(stack) };
  const [pods, jobs] = await Promise.all([
    cluster.list<Pod>(paths.pods(namespace), query),
    cluster.list<Job>(paths.jobs(namespace), query),
  ]);
  const ofJobs = (pod: Pod) => pod.metadata.ownerReferences?.some(({ kind }) => kind === "Job") ?? false;
  return [
    // A one-shot may try again: its Job counts.
    ...pods.map((pod) => ({
      id: pod.metadata.uid ?? pod.metadata.name,
      workload: workloadOf(pod.metadata),
      failures: failuresOf(pod),
      verdict: (before: number) => {
        const is = podVerdict(pod, before);
        return is?.afterMs === 0 && ofJobs(pod) ? undefined : is;
      },
    })),
    ...jobs.map((job) => ({
      id: job.metadata.uid ?? job.metadata.name,
      workload: workloadOf(job.metadata),
      failures: 0,
      verdict: () =>
        jobVerdict(
          job,
          pods.filter(({ metadata }) => workloadOf(metadata) === workloadOf(job.metadata)),
        ),
    })),
  ];
}

/** Workloads that have too few pods because the cluster refuses to make them: a policy, a quota. */
async function refusals(cluster: Cluster, stack: string, began: number): Promise<readonly Refusal[]> {
  const { namespace } = cluster.target;
  const fieldSelector = "reason=FailedCreate,type=Warning";
  const events = (await cluster.list<ClusterEvent>(paths.events(namespace), { fieldSelector }))
    .filter((event) => timeOf(event) >= began)
    .sort((a, b) => timeOf(b) - timeOf(a));
  if (events.length === 0) return [];
  const labelSelector = ownSelector(stack);
  const [scaled, jobs, pods] = await Promise.all([
    listScaled(cluster, labelSelector),
    oneShots(cluster, stack),
    cluster.list<Pod>(paths.pods(namespace), { labelSelector }),
  ]);
  const isShort = (workload: string) => {
    const found = scaled.find(({ metadata }) => workloadOf(metadata) === workload);
    // What a service starts by itself is that service's business.
    const isOwn = found ?? jobs.find(({ metadata }) => workloadOf(metadata) === workload);
    if (!isOwn) return false;
    const failure = found?.status?.conditions?.some(
      (c) => c.type === "ReplicaFailure" && c.status === "True",
    );
    return failure || !pods.some(({ metadata }) => workloadOf(metadata) === workload);
  };
  const newest = new Map<string, ClusterEvent>();
  for (const event of events) {
    // A ReplicaSet is called after its Deployment, and a hash.
    const workload = nameOfOwner(event.involvedObject.kind, event.involvedObject.name ?? "");
    if (!newest.has(workload) && isShort(workload)) newest.set(workload, event);
  }
  return [...newest].map(([workload, { message }]) => ({
    workload,
    kind: "refused",
    reason: `the cluster refuses its pod (${withoutNoise(message)})`,
    exitCode: null,
    afterMs: refusedMs,
  }));
}

const nameOfOwner = (kind: string | undefined, name: string): string =>
  kind === "ReplicaSet" ? name.replace(/-[a-z0-9]+$/, "") : name;

async function failureOf(
  cluster: Cluster,
  stack: string,
  workload: string,
  is: Verdict,
  began: number,
): Promise<WorkloadFailure> {
  const { context, namespace } = cluster.target;
  const labelSelector = ownSelector(stack, workload);
  const pods = await cluster.list<Pod>(paths.pods(namespace), { labelSelector }).catch(() => []);
  // The one that fares worst is the one that is told about; what was refused is none of them.
  const worst = pods.toSorted((a, b) => failuresOf(b) - failuresOf(a) || newer(a, b));
  const pod = is.kind === "refused" ? undefined : worst.find((p) => !podState(p).ok);
  const names = [workload, ...pods.map(({ metadata }) => metadata.name)];
  const more = pod
    ? `pod ${pod.metadata.name}`
    : `deployment,replicaset,statefulset,job,pod -l datalab.workload=${workload}`;
  return {
    instance: pod?.metadata.name ?? workload,
    workload,
    exitCode: is.exitCode,
    reason: is.reason,
    events: await eventsOf(cluster, names, began),
    log: pod ? await lastLog(cluster, pod, logLines) : "",
    more: `kubectl --context ${context} -n ${namespace} describe ${more}`,
  };
}

const newer = (a: Pod, b: Pod): number =>
  (b.metadata.creationTimestamp ?? "").localeCompare(a.metadata.creationTimestamp ?? "");

/** Why a workload that the engine gave up on does not run, as far as the cluster says. */
export async function diagnose(cluster: Cluster, stack: string, workload: string): Promise<WorkloadFailure> {
  const seen = (await look(cluster, stack)).filter((each) => each.workload === workload);
  const verdict = seen.map((each) => each.verdict(0)).find((is) => is !== undefined);
  const refused = (await refusals(cluster, stack, 0)).find((each) => each.workload === workload);
  const slow: Verdict = { kind: "slow", reason: "it was not ready in time", exitCode: null, afterMs: 0 };
  return failureOf(cluster, stack, workload, verdict ?? refused ?? slow, Date.now() - recentMs);
}

/** Warnings since a time; what has gone well is told only where nothing else is. */
async function eventsOf(
  cluster: Cluster,
  names: readonly string[],
  began: number,
): Promise<readonly string[]> {
  const ask = async (query: { readonly fieldSelector?: string }) => {
    const all = await cluster
      .list<ClusterEvent>(paths.events(cluster.target.namespace), query)
      .catch(() => []);
    // The cluster's times are whole seconds.
    const recent = all.filter((event) => timeOf(event) >= began - 1000);
    return told(
      recent.filter(
        ({ involvedObject: { kind, name = "" } }) =>
          names.includes(name) || names.includes(nameOfOwner(kind, name)),
      ),
    );
  };
  const warnings = await ask({ fieldSelector: "type=Warning" });
  return (warnings.length > 0 ? warnings : await ask({})).slice(-eventLines).map(eventText);
}

/** Of each thing's events for one reason the newest, with how often it came in all. */
function told(events: readonly ClusterEvent[]): readonly ClusterEvent[] {
  const newest = new Map<string, ClusterEvent>();
  for (const event of events.toSorted((a, b) => timeOf(a) - timeOf(b))) {
    const { kind, name } = event.involvedObject;
    const key = `${kind} ${name} ${event.reason}`;
    const count = (event.count ?? 1) + (newest.get(key)?.count ?? 0);
    newest.delete(key);
    newest.set(key, {
      ...event,
      count,
      message: withoutNoise(event.message),
    });
  }
  return [...newest.values()];
}

const withoutNoise = (message = ""): string =>
  message.replace(/^\(combined from similar events\): /, "").trim();

export const eventText = ({ reason, message, count, involvedObject }: ClusterEvent): string =>
  `${involvedObject.kind} ${involvedObject.name}: ${reason}: ${(message ?? "").trim()}${(count ?? 1) > 1 ? ` (${count} times)` : ""}`;

const timeOf = ({ lastTimestamp, eventTime, series }: ClusterEvent): number =>
  Date.parse(series?.lastObservedTime ?? lastTimestamp ?? eventTime ?? "") || 0;

const jobType = "kubernetes:batch/v1:Job";

async function oneShots(cluster: Cluster, stack: string): Promise<readonly Job[]> {
  return cluster.list<Job>(paths.jobs(cluster.target.namespace), { labelSelector: ownSelector(stack) });
}

const has = ({ status }: Job, type: string): boolean =>
  status?.conditions?.some((c) => c.type === type && c.status === "True") ?? false;

/** Gives one-shots that run no more time: they end as failed, and the next update replaces them. */
export async function endOneShots(cluster: Cluster, stack: string): Promise<void> {
  const running = (await oneShots(cluster, stack)).filter(
    (job) => !has(job, "Complete") && !has(job, "Failed"),
  );
  await Promise.all(
    running.map(({ metadata }) =>
      cluster.patch(`${paths.jobs(cluster.target.namespace)}/${metadata.name}`, {
        spec: { activeDeadlineSeconds: 1 },
      }),
    ),
  );
}

export async function failedJobs(cluster: Cluster, stack: string): Promise<readonly FailedOneShot[]> {
  return (await oneShots(cluster, stack))
    .filter((job) => has(job, "Failed"))
    .map(({ metadata }) => ({ workload: workloadOf(metadata), type: jobType }));
}
