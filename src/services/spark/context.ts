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
    .describe("Number of workers; in a cluster: maximum number of executors.")
    .meta({ owner: "sizes" }),
  cores: z
    .int()
    .min(1)
    .max(256)
    .default(2)
    .describe("Concurrent tasks of one worker; in a cluster, of one executor.")
    .meta({ owner: "sizes" }),
  idleTimeout: duration
    .default("60s")
    .describe("Time without work after which an executor stops and frees its memory."),
  sessionTimeout: duration.default("1h").describe("Time without a call after which a client's session ends."),
  historyRetention: duration.default("7d").describe("How long event logs are kept."),
});
export type Options = z.output<typeof options>;
export type Context = PartContext<typeof needs, Options>;
