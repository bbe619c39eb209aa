import { DatalabError } from "../config/error.ts";
import type { PlatformOutput, ServiceOutput } from "../outputs/platform.ts";
import { type LogLine, runtimeOf } from "./runtime.ts";

export interface ServiceLogLine extends LogLine {
  readonly service: string;
  readonly workload: string;
}

export interface StreamOptions {
  readonly follow: boolean;
  readonly tail?: number;
  readonly since?: string;
  readonly onLine: (line: ServiceLogLine) => void;
  /** Told about a workload that has no log; it is only an error when none has. */
  readonly onMissing?: (workload: string, error: DatalabError) => void;
  readonly signal?: AbortSignal;
}

/** Hands over the logs of all workloads of some services: in the order of time, or as they come when following. */
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
  const kept: ServiceLogLine[] = [];
  const take = follow ? onLine : (line: ServiceLogLine) => void kept.push(line);
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
