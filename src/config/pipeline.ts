import { z } from "zod";
import { cpuPattern, durationPattern, sizePattern } from "../model/units.ts";
import { cronProblem, missingDay } from "./cron.ts";

const duration = z
  .string()
  .regex(durationPattern, 'a duration such as "30s", "5m", "12h" or "7d"')
  .meta({ examples: ["30s", "1h"] });
const cron = z
  .string()
  .regex(/^\s*(\S+\s+){4}\S+\s*$/, 'five cron fields such as "0 6 * * *"')
  .superRefine((text, ctx) => {
    const wrong = cronProblem(text);
    if (wrong !== undefined) return ctx.addIssue({ code: "custom", message: wrong });
    const never = missingDay(text);
    if (never === undefined) return;
    const fix = "Leave schedule out for runs by hand.";
    ctx.addIssue({ code: "custom", message: `a day that exists (never: ${never})`, params: { fix } });
  })
  .meta({ examples: ["0 6 * * *"] })
  .describe("Cron expression of five fields.");
const zones = Intl.supportedValuesOf("timeZone");
const timezone = z
  .string()
  .refine(isTimeZone, {
    error: "an IANA time zone such as Europe/Berlin",
    params: { candidates: ["UTC", ...zones] },
  })
  .meta({ examples: ["Europe/Berlin"] })
  .describe("IANA time zone of the cron expression.");

/** Python looks up zones by their exact name; older names, such as US/Pacific, are valid. */
function isTimeZone(zone: string): boolean {
  if (zone === "UTC" || zones.includes(zone)) return true;
  if (!/^[A-Z][A-Za-z]*(\/[A-Z][A-Za-z0-9_+-]*)+$/.test(zone)) return false;
  try {
    const canonical = new Intl.DateTimeFormat("en", { timeZone: zone }).resolvedOptions().timeZone;
    return canonical === zone || canonical.toLowerCase() !== zone.toLowerCase();
  } catch {
    return false;
  }
}

const catchUp = z
  .enum(["none", "one", "all"])
  .default("one")
  .describe(
    "Runs that a stop has made more than two minutes late: none starts, only the last one, or all of them.",
  );

const schedule = z
  .union([
    z.strictObject({ cron, timezone: timezone.default("UTC"), catchUp }),
    z.strictObject({ every: duration.describe("Interval between runs."), catchUp }),
  ])
  .nullable()
  .describe("When it runs by itself; if omitted, it runs only on demand.");
const retries = z
  .strictObject({
    count: z.int().min(0).max(50).default(0).describe("How often a failed run is retried."),
    delay: duration.default("10s").describe("Wait before the first retry."),
    backoff: z
      .enum(["fixed", "exponential"])
      .default("exponential")
      .describe("How the wait grows: constant, or doubled each time."),
    maxDelay: duration.default("10m").describe("The longest wait."),
  })
  .describe("Retries of a run that failed.");
const timeout = duration.describe("A run that takes longer fails.");
const priority = z
  .enum(["critical", "high", "normal", "low"])
  .describe("Which runs start first when workers are busy.");
const concurrency = z.int().min(1).describe("Maximum number of concurrent runs.");
const parameters = z
  .record(
    z.string(),
    z.unknown().refine(isJson, {
      error: "a JSON value: text, a finite number, true, false, null, a list or a mapping",
    }),
  )
  .describe("Default parameters of a run.");
const freshness = z
  .record(z.string().regex(/^[a-z][a-z0-9_]*\.[A-Za-z_][\w.-]*$/, "a table such as silver.flights"), duration)
  .describe(
    "For each table that it writes: the maximum time between two versions; a longer one raises an alert.",
  );
const resources = z
  .strictObject({
    memory: z
      .string()
      .regex(sizePattern, 'a size such as "4Gi"')
      .optional()
      .describe("Memory limit of a run."),
    cpu: z
      .string()
      .regex(cpuPattern, 'cores such as "500m" or "2"')
      .optional()
      .describe("Guaranteed CPU share of a run; it may use four times as much."),
  })
  .describe(
    "Size of a run in a cluster, where each run has its own pod; replaces the service's runMemory and runCpu.",
  );
const paused = z
  .boolean()
  .describe("Whether its schedule is paused: the pipeline is registered, but starts no runs by itself.");

function isJson(value: unknown): boolean {
  if (value === null || typeof value === "string" || typeof value === "boolean") return true;
  if (typeof value === "number") return Number.isFinite(value);
  if (Array.isArray(value)) return value.every(isJson);
  if (typeof value !== "object") return false;
  return Object.getPrototypeOf(value) === Object.prototype && Object.values(value).every(isJson);
}

/** `pipelines/<name>/pipeline.yaml`, or `pipeline.json`. */
export const pipelineFile = z
  .strictObject({
    name: z.string().optional().describe("The folder's name, if given."),
    summary: z.string().min(1).describe("One sentence that describes the pipeline."),
    entrypoint: z
      .string()
      .regex(/^[\w./-]+\.py:[A-Za-z_]\w*$/, "a file and function such as flow.py:my_flow")
      .meta({ examples: ["flow.py:my_flow"] })
      .describe("The flow: Python file in the folder, and the function in it."),
    schedule: schedule.default(null),
    retries: retries.prefault({}),
    timeout: timeout.optional(),
    priority: priority.default("normal"),
    concurrency: concurrency.optional(),
    parameters: parameters.default({}),
    tags: z.array(z.string().min(1)).default([]).describe("Tags of its runs."),
    freshness: freshness.default({}),
    resources: resources.optional(),
    report: z
      .boolean()
      .default(false)
      .describe("Whether its runs write an HTML report, which `datalab data report` fetches."),
    paused: paused.default(false),
  })
  .describe("A pipeline: a folder with this file, a Python flow and its table contracts.");

export type PipelineFile = z.output<typeof pipelineFile>;

/** The fields that a stack may override. */
export const pipelineOverride = z
  .strictObject({
    schedule: schedule.optional(),
    retries: retries.optional(),
    timeout: timeout.optional(),
    priority: priority.optional(),
    concurrency: concurrency.optional(),
    parameters: parameters.optional(),
    freshness: freshness.optional(),
    resources: resources.optional(),
    paused: paused.optional(),
  })
  .describe("Replaces the same field of pipeline.yaml; parameters are merged.");

export type PipelineOverride = z.output<typeof pipelineOverride>;
