import { z } from "zod";
import { durationPattern, parseDuration, parseSize, sizePattern } from "../model/units.ts";

const duration = (text: string, value: string) =>
  z.string().regex(durationPattern, 'a duration such as "5m"').default(value).describe(text);
const optionalDuration = (text: string) =>
  z.string().regex(durationPattern, 'a duration such as "26h"').optional().describe(text);
const share = (text: string, value: number) => z.number().gt(0).max(1).default(value).describe(text);

/** When the platform's own alerts fire. */
export const thresholds = z
  .strictObject({
    cpu: share("Share of the machine's cores in use, for ten minutes.", 0.9),
    memory: share("Share of its memory limit that a container uses, and of the machine's memory.", 0.9),
    disk: z
      .strictObject({
        used: share("Share of the data disk in use: a warning.", 0.85),
        critical: share("Share of the data disk in use: critical.", 0.95),
        free: z
          .string()
          .regex(sizePattern, 'a size such as "2Gi"')
          .default("2Gi")
          .describe("Free bytes of the data disk: critical below."),
      })
      .prefault({})
      .describe("The disk that holds the data."),
    latency: duration("Mean time in which an endpoint answers, over five minutes.", "2s"),
    serviceDown: duration("How long a service may not answer.", "15s"),
    checkFailing: duration("How long a functional check may fail.", "1m"),
    checkChanges: z
      .int()
      .min(2)
      .default(4)
      .describe("Changes of a check's result in 15 minutes that count as flapping."),
    restarts: z.int().min(1).default(3).describe("Restarts of a container in 15 minutes."),
    pipelineFailures: z
      .int()
      .min(1)
      .default(1)
      .describe("Runs of a pipeline that failed one after the other."),
    lateness: duration("How long a scheduled run may wait for its start.", "5m"),
    freshness: optionalDuration(
      "Most time between two commits of any table; absent: only what pipelines declare.",
    ),
    backup: optionalDuration(
      "How old the last backup that was read back whole may be; absent: nobody is told.",
    ),
    startup: duration(
      "How long after its own start Prometheus waits before it says that services are down.",
      "90s",
    ),
  })
  .describe("When alerts fire.");

export type Thresholds = z.output<typeof thresholds>;

export const seconds = parseDuration;
export const bytes = parseSize;
