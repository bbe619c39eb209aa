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
    cpu: share("Used share of the machine's cores, for ten minutes.", 0.9),
    memory: share("Used share of a container's memory limit, and of the machine's memory.", 0.9),
    disk: z
      .strictObject({
        used: share("Used share of the data disk that raises a warning.", 0.85),
        critical: share("Used share of the data disk that is critical.", 0.95),
        free: z
          .string()
          .regex(sizePattern, 'a size such as "2Gi"')
          .default("2Gi")
          .describe("Free bytes of the data disk below which it is critical."),
      })
      .prefault({})
      .describe("The disk that holds the data."),
    latency: duration("Mean response time of an endpoint over five minutes.", "2s"),
    serviceDown: duration("How long a service may be unreachable.", "15s"),
    checkFailing: duration("How long a functional check may fail.", "1m"),
    checkChanges: z
      .int()
      .min(2)
      .default(4)
      .describe("Changes of a check's result in 15 minutes that count as flapping."),
    restarts: z.int().min(1).default(3).describe("Restarts of a container in 15 minutes."),
    pipelineFailures: z.int().min(1).default(1).describe("Consecutive failed runs of a pipeline."),
    lateness: duration("How long a scheduled run may wait for its start.", "5m"),
    freshness: optionalDuration(
      "Maximum time between two commits of any table; default: only what pipelines declare.",
    ),
    backup: optionalDuration("Maximum age of the last verified backup; default: no alert."),
    startup: duration("How long after its start Prometheus waits before it reports services as down.", "90s"),
  })
  .describe("Thresholds of alerts.");

export type Thresholds = z.output<typeof thresholds>;

export const seconds = parseDuration;
export const bytes = parseSize;
