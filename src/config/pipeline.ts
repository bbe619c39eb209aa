import { z } from "zod";
import { durationPattern } from "../model/units.ts";

const duration = z
  .string()
  .regex(durationPattern, 'a duration such as "30s", "5m", "12h" or "7d"')
  .meta({ examples: ["30s", "1h"] });
const cron = z
  .string()
  .regex(/^\s*(\S+\s+){4}\S+\s*$/, 'five cron fields such as "0 6 * * *"')
  .describe("Cron expression of five fields.");
const timezone = z
  .string()
  .refine((zone) => Intl.supportedValuesOf("timeZone").includes(zone) || zone === "UTC", {
    error: "an IANA time zone such as Europe/Berlin",
  })
  .describe("IANA time zone of the cron expression.");

const schedule = z
  .union([
    z.strictObject({ cron, timezone: timezone.default("UTC") }),
    z.strictObject({ every: duration.describe("Interval between runs.") }),
  ])
  .nullable()
  .describe("When it runs by itself; absent: on demand only.");
const retries = z
  .strictObject({
    count: z.int().min(0).max(50).default(0).describe("How often a failed step is tried again."),
    delay: duration.default("10s").describe("Wait before the first retry."),
    backoff: z.enum(["fixed", "exponential"]).default("exponential").describe("How the wait grows."),
    maxDelay: duration.default("10m").describe("The longest wait."),
  })
  .describe("Retries of a step.");
const timeout = duration.describe("A run that takes longer is failed.");
const priority = z.enum(["critical", "high", "normal", "low"]).describe("Which runs start first when workers are busy.");
const concurrency = z.int().min(1).describe("How many runs of it may be active at once.");
const parameters = z.record(z.string(), z.unknown()).describe("Default parameters of a run.");
const paused = z.boolean().describe("Registered, but its schedule does not start runs.");

/** `pipelines/<name>/pipeline.yaml`, or `pipeline.json`. */
export const pipelineFile = z
  .strictObject({
    name: z.string().optional().describe("The folder's name, if given."),
    summary: z.string().min(1).describe("One sentence that says what it does."),
    entrypoint: z
      .string()
      .regex(/^[\w./-]+\.py:[A-Za-z_]\w*$/, "a file and function such as flow.py:my_flow")
      .describe("The flow: Python file in the folder, and the function in it."),
    schedule: schedule.default(null),
    retries: retries.prefault({}),
    timeout: timeout.optional(),
    priority: priority.default("normal"),
    concurrency: concurrency.optional(),
    parameters: parameters.default({}),
    tags: z.array(z.string().min(1)).default([]).describe("Tags of its runs."),
    paused: paused.default(false),
  })
  .describe("A pipeline: a folder with this file, a Python flow and its table contracts.");

export type PipelineFile = z.output<typeof pipelineFile>;

/** What a stack may do otherwise. */
export const pipelineOverride = z
  .strictObject({
    schedule: schedule.optional(),
    retries: retries.optional(),
    timeout: timeout.optional(),
    priority: priority.optional(),
    concurrency: concurrency.optional(),
    parameters: parameters.optional(),
    paused: paused.optional(),
  })
  .describe("Replaces the same field of pipeline.yaml; parameters are merged.");
