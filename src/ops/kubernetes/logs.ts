import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { lastLines } from "../process.ts";
import type { LogLine, LogOptions } from "../target.ts";
import { ApiError, type Cluster, type RequestOptions } from "./api.ts";
import { mainContainer, type Pod, paths } from "./objects.ts";

/** How often it is looked for pods that have come. */
const lookMs = 2_000;
const resumeMs = 500;

/**
 * Hands over the log of all pods that a selector finds, those before a restart included; with `follow` of
 * those to come too.
 */
export async function podLogs(
  cluster: Cluster,
  find: () => Promise<readonly Pod[]>,
  options: LogOptions,
  onLine: (line: LogLine) => void,
): Promise<void> {
  const since = sinceOf(options.since);
  if (!options.follow) {
    const lines: LogLine[] = [];
    for (const pod of await find()) lines.push(...(await readPod(cluster, pod, options.tail, since)));
    lines.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
    for (const line of options.tail === undefined
      ? lines
      : lines.slice(lines.length - Math.min(lines.length, options.tail)))
      onLine(line);
    return;
  }
  const followed = new Map<string, Promise<void>>();
  const failed = Promise.withResolvers<never>();
  let isFirst = true;
  while (!options.signal.aborted) {
    for (const pod of await find()) {
      const id = pod.metadata.uid ?? pod.metadata.name;
      if (followed.has(id)) continue;
      // What comes later is shown from its beginning.
      const begin = isFirst ? { tail: options.tail, since } : { tail: undefined, since: undefined };
      const following = followPod(cluster, pod, begin, options.signal, onLine);
      following.catch(failed.reject);
      followed.set(id, following);
    }
    isFirst = false;
    await Promise.race([
      sleep(lookMs, undefined, { signal: options.signal }).catch(() => {}),
      failed.promise,
    ]);
  }
}

async function readPod(
  cluster: Cluster,
  pod: Pod,
  tail: number | undefined,
  since: string | undefined,
): Promise<LogLine[]> {
  const lines: LogLine[] = [];
  const take = (line: LogLine) => {
    if (since === undefined || line.at >= since) lines.push(line);
  };
  const restarts =
    pod.status?.containerStatuses?.reduce((all, { restartCount }) => all + restartCount, 0) ?? 0;
  const query = { tailLines: tail, sinceTime: wholeSeconds(since) };
  if (restarts > 0) await stream(cluster, pod, { ...query, previous: true }, take);
  await stream(cluster, pod, query, take);
  return lines;
}

/** Follows one pod through the restarts of its container, until the pod is gone. */
async function followPod(
  cluster: Cluster,
  pod: Pod,
  begin: { readonly tail: number | undefined; readonly since: string | undefined },
  signal: AbortSignal,
  onLine: (line: LogLine) => void,
): Promise<void> {
  let last = begin.since ?? "";
  let resumed = false;
  while (!signal.aborted) {
    const after = resumed ? last : "";
    const query = {
      follow: true,
      sinceTime: wholeSeconds(last || undefined),
      ...(!resumed && { tailLines: begin.tail }),
    };
    await stream(
      cluster,
      pod,
      query,
      (line) => {
        // The cluster counts in whole seconds: what was printed comes again.
        if (after !== "" ? line.at <= after : begin.since !== undefined && line.at < begin.since) return;
        last = line.at;
        resumed = true;
        onLine(line);
      },
      signal,
    );
    if (await isGone(cluster, pod)) return;
    await sleep(resumeMs, undefined, { signal }).catch(() => {});
  }
}

async function isGone(cluster: Cluster, { metadata }: Pod): Promise<boolean> {
  const found = await cluster.get<Pod>(`${paths.pods(cluster.target.namespace)}/${metadata.name}`);
  return found === undefined || found.metadata.uid !== metadata.uid;
}

/** Reads a log to its end. A container that has not begun has none yet, a pod that is gone none any more. */
async function stream(
  cluster: Cluster,
  pod: Pod,
  query: NonNullable<RequestOptions["query"]>,
  onLine: (line: LogLine) => void,
  signal?: AbortSignal,
): Promise<void> {
  const path = `${paths.pods(cluster.target.namespace)}/${pod.metadata.name}/log`;
  const all = { container: mainContainer(pod), timestamps: true, ...query };
  try {
    const answer = await cluster.send(path, { query: all, accept: "*/*", ...(signal && { signal }) });
    if (!answer.body) return;
    for await (const text of createInterface({ input: Readable.fromWeb(answer.body) })) {
      const line = parseLine(text);
      if (line) onLine(line);
    }
  } catch (error) {
    if (signal?.aborted) return;
    if (error instanceof ApiError && (error.status === 400 || error.status === 404)) return;
    // A node or a proxy ends long answers now and then; the pod is asked again.
    if (query.follow && !(error instanceof ApiError)) return;
    throw error;
  }
}

/** `2026-01-31T12:00:00.123456789Z text`, in UTC whatever the node's own zone. */
export function parseLine(text: string): LogLine | undefined {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)(?: (.*))?$/s.exec(text);
  if (!match) return undefined;
  const [, second = "", fraction = "", zone = "Z", line = ""] = match;
  const utc = zone === "Z" ? second : new Date(`${second}${zone}`).toISOString().slice(0, 19);
  // The cluster does not tell the two outputs apart.
  return { at: `${utc}.${fraction.padEnd(9, "0").slice(0, 9)}Z`, stream: "stdout", line };
}

const units: Readonly<Record<string, number>> = { s: 1e3, m: 6e4, h: 36e5, d: 864e5 };

/** A duration such as 10m, or a time -> a time with nine digits, as lines have it. */
export function sinceOf(text: string | undefined, now = Date.now()): string | undefined {
  if (text === undefined) return undefined;
  const nano = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?Z$/.exec(text);
  if (nano) return `${nano[1]}.${(nano[2] ?? "").padEnd(9, "0").slice(0, 9)}Z`;
  const parts = [...text.matchAll(/(\d+)([smhd])/g)];
  const ms = parts.reduce(
    (at, [, count, unit]) => at - Number(count) * (units[unit as string] as number),
    now,
  );
  const at = parts.length > 0 ? ms : Date.parse(text);
  return new Date(at).toISOString().replace("Z", "000000Z");
}

const wholeSeconds = (at: string | undefined): string | undefined => at && `${at.slice(0, 19)}Z`;

/**
 * The last lines that a pod's main container has said, of the one before when the new one has said nothing
 * yet.
 */
export async function lastLog(cluster: Cluster, pod: Pod, count: number): Promise<string> {
  const lines = await readPod(cluster, pod, count, undefined).catch(() => []);
  return lastLines(lines.map(({ line }) => line).join("\n"), count);
}
