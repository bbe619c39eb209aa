import { z } from "zod";
import { lakeBuckets } from "../../model/lake-env.ts";
import { bucket, secret } from "../../model/needs.ts";
import type { PartContext } from "../../model/service.ts";
import { durationPattern } from "../../model/units.ts";

export const needs = {
  /** What the processes recognise each other by. */
  cluster: secret(),
  token: secret({ user: "token", opens: "Spark Connect" }),
  lake: bucket(...lakeBuckets),
};
const duration = z.string().regex(durationPattern, 'a duration such as "1h"');
export const options = z.strictObject({
  workers: z
    .int()
    .min(1)
    .max(64)
    .default(1)
    .describe("How many workers there are; in a cluster: executors at once.")
    .meta({ owner: "sizes" }),
  cores: z
    .int()
    .min(1)
    .max(256)
    .default(2)
    .describe("Tasks that one worker, in a cluster one executor, runs at once.")
    .meta({ owner: "sizes" }),
  idleTimeout: duration
    .default("60s")
    .describe("After how long without work an executor gives its memory back."),
  sessionTimeout: duration
    .default("1h")
    .describe("After how long without a call a session of a client ends."),
  historyRetention: duration.default("7d").describe("How long event logs are kept."),
});
export type Options = z.output<typeof options>;
export type Context = PartContext<typeof needs, Options>;
