import { setTimeout as sleep } from "node:timers/promises";
import { DatalabError } from "../../errors.ts";
import type { PlatformOutput, ServiceOutput } from "../../outputs/platform.ts";
import { suggest } from "../suggest.ts";
import type { LogLine } from "../target.ts";
import { runtimeOf } from "../targets.ts";
import { type LogQuery, lineFilter, logsQl } from "./log-query.ts";
import type { LogReader } from "./log-store.ts";
import { findWorkloads } from "./services.ts";

export interface ServiceLogLine extends LogLine {
  readonly service: string;
  readonly workload: string;
  readonly level: string;
}

export interface ReadOptions {
  readonly onLine: (line: ServiceLogLine) => void;
  /** Told when the log store can't be read and the target's own logs are shown. */
  readonly onFallback?: (error: DatalabError) => void;
  readonly onMissing?: (workload: string, error: DatalabError) => void;
  readonly signal: AbortSignal;
}

/** How far back a tail begins, so that nothing is missed between the last lines and the first new one. */
const overlapSeconds = 20;

/**
 * Hands over log lines of services and workloads: from the central store, which also has those of containers
 * that are no more; when it does not answer, from the target, which only has those that are there.
 */
export async function readLogs(
  platform: PlatformOutput,
  reader: LogReader | DatalabError,
  query: LogQuery,
  options: ReadOptions,
): Promise<void> {
  let newest = "";
  const onLine = (line: ServiceLogLine) => {
    if (line.at > newest) newest = line.at;
    options.onLine(line);
  };
  try {
    if (reader instanceof DatalabError) throw reader;
    await checkNames(platform, query.names, () => reader.names(options.signal));
    return await readStore(reader, query, onLine, options.signal);
  } catch (error) {
    if (options.signal.aborted) return;
    if (!(error instanceof DatalabError) || !["E_LOGS_UNREACHABLE", "E_NO_LOGS"].includes(error.code))
      throw error;
    options.onFallback?.(error);
  }
  await checkNames(platform, query.names, async () => []);
  const chosen =
    query.names.length === 0 ? platform.services : query.names.map((name) => findWorkloads(platform, name));
  const since = newest || (query.since === undefined ? undefined : new Date(query.since).toISOString());
  const accept = lineFilter(query);
  // A filter needs all lines to choose from; the limit is applied to what is left.
  const filtered = query.pattern !== undefined || query.levels !== undefined;
  const kept: ServiceLogLine[] = [];
  const keep = !query.follow && query.limit !== undefined;
  await streamLogs(platform, chosen, {
    follow: query.follow,
    ...(query.limit !== undefined && !filtered && newest === "" && { tail: query.limit }),
    ...(since !== undefined && { since }),
    ...(options.onMissing && { onMissing: options.onMissing }),
    signal: options.signal,
    onLine(line) {
      const level = accept(line);
      if (level === undefined || line.at <= newest) return;
      if (keep) kept.push({ ...line, level });
      else options.onLine({ ...line, level });
    },
  });
  for (const line of kept.slice(Math.max(0, kept.length - (query.limit ?? 0)))) options.onLine(line);
}

async function readStore(
  reader: LogReader,
  query: LogQuery,
  onLine: (line: ServiceLogLine) => void,
  signal: AbortSignal,
): Promise<void> {
  const text = logsQl(query);
  const seen = new Set<string>();
  const keyOf = (line: ServiceLogLine) => `${line.at} ${line.workload} ${line.stream}`;
  const recent = new Date(Date.now() - (overlapSeconds + 10) * 1000).toISOString();
  for (const line of await reader.read(text, query.limit, signal)) {
    if (line.at > recent) seen.add(keyOf(line));
    onLine(line);
  }
  if (!query.follow) return;
  const started = new Date().toISOString();
  const fresh = (line: ServiceLogLine) => {
    // Beyond the overlap every line comes once; what is older than the beginning was not asked for.
    const key = keyOf(line);
    if (seen.has(key) || (line.at < started && query.limit === 0)) return;
    seen.add(key);
    if (seen.size > 20_000) for (const old of [...seen].slice(0, 10_000)) seen.delete(old);
    onLine(line);
  };
  for (let failures = 0; ; ) {
    const since = performance.now();
    try {
      await reader.tail(text, overlapSeconds, fresh, signal);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof DatalabError) || error.code !== "E_LOGS_UNREACHABLE") throw error;
      // A proxy ends long answers now and then; a store that is gone does not come back three times in a row.
      failures = performance.now() - since > 10_000 ? 1 : failures + 1;
      if (failures >= 3) throw error;
    }
    if (signal.aborted) return;
    await sleep(500, undefined, { signal }).catch(() => {});
  }
}

/**
 * Throws when a name is neither a service or workload of the platform nor one that has lines in the store.
 */
async function checkNames(
  platform: PlatformOutput,
  names: readonly string[],
  stored: () => Promise<readonly string[]>,
): Promise<void> {
  const here = platform.services.flatMap(({ name, workloads }) => [name, ...workloads.map((w) => w.name)]);
  const unknown = names.filter((name) => !here.includes(name));
  if (unknown.length === 0) return;
  const all = [...new Set([...here, ...(await stored())])];
  for (const name of unknown) {
    if (all.includes(name)) continue;
    throw new DatalabError("E_SERVICE", `The stack ${platform.stack} has no service or workload "${name}".`, {
      hint: suggest(name, all),
    });
  }
}

export interface StreamOptions {
  readonly follow: boolean;
  readonly tail?: number;
  readonly since?: string;
  readonly onLine: (line: Omit<ServiceLogLine, "level">) => void;
  /** Told about a workload that has no log; it is only an error when none has. */
  readonly onMissing?: (workload: string, error: DatalabError) => void;
  readonly signal?: AbortSignal;
}

/**
 * Hands over the logs of all workloads of some services: in the order of time, or as they come when
 * following.
 */
export async function streamLogs(
  platform: PlatformOutput,
  services: readonly ServiceOutput[],
  options: StreamOptions,
): Promise<void> {
  const runtime = await runtimeOf(platform);
  const { follow, tail, since, onLine, onMissing } = options;
  const workloads = services.flatMap((service) =>
    service.workloads
      // What has ended says nothing new.
      .filter(({ oneShot }) => !follow || !oneShot)
      .map((workload) => ({ ...workload, service: service.name })),
  );
  const kept: Omit<ServiceLogLine, "level">[] = [];
  const take = follow ? onLine : (line: Omit<ServiceLogLine, "level">) => void kept.push(line);
  const missing: DatalabError[] = [];
  await Promise.all(
    workloads.map(async ({ instance, name, service }) => {
      try {
        await runtime.logs(
          instance,
          {
            follow,
            ...(tail !== undefined && { tail }),
            ...(since !== undefined && { since }),
            signal: options.signal ?? new AbortController().signal,
          },
          (line) => take({ at: line.at, service, workload: name, stream: line.stream, line: line.line }),
        );
      } catch (error) {
        if (!(error instanceof DatalabError) || error.code !== "E_WORKLOAD_DOWN") throw error;
        missing.push(error);
        onMissing?.(name, error);
      }
    }),
  );
  // Docker's time stamps all have nine digits: they sort as text.
  kept.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
  for (const line of kept) onLine(line);
  if (missing.length > 0 && missing.length === workloads.length) throw missing[0];
}
