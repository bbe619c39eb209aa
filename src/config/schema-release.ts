import { z } from "zod";
import { stackPattern } from "../model/names.ts";
import { durationPattern, parseDuration, sizePattern } from "../model/units.ts";

/**
 * What of `datalab:platform` is about releases and safety: the order of stacks, what was promoted, what is
 * protected and saved.
 */

const stack = z.string().regex(stackPattern, 'the name of a stack such as "staging"');

export const promotion = z
  .array(stack)
  .min(2)
  .refine((stacks) => new Set(stacks).size === stacks.length, { error: "each stack once" })
  .default(["dev", "staging", "prod"])
  .describe("Stacks in the order of promotion; none may be skipped.");

export const protect = z
  .boolean()
  .optional()
  .describe(
    "Whether removing the stack or deleting its data requires typing its name; default: only for the stack `prod`.",
  );

export const promoted = z
  .strictObject({
    from: stack.describe("Stack from which the release was promoted."),
    release: z.string().min(1).describe("Id of that stack's release."),
    commit: z
      .string()
      .regex(/^[0-9a-f]{40}$/, "the 40 hex digits of a commit")
      .describe("Commit from which it was deployed."),
    pipelines: z
      .record(z.string(), z.string().regex(/^[0-9a-f]{16}$/, "a version of 16 hex digits"))
      .describe("Version of each pipeline; files of another version are not deployed to this stack."),
  })
  .optional()
  .describe("The release that was promoted to this stack; ./datalab promote writes it.");

/** What opens a home ends by itself after a day; see openSeconds. */
const maxHomeSeconds = 12 * 3600;

export const backup = z
  .strictObject({
    to: z
      .string()
      .regex(
        /^(?:file|s3):\/\/./,
        'a place such as "s3://bucket/prefix?region=eu-central-1" or "file:///mnt/backups"',
      )
      .optional()
      .describe(
        "Where backups are stored, in the form of Pulumi's backend URLs; default: beside the stack's state.",
      ),
    keep: z
      .int()
      .min(1)
      .max(1000)
      .default(14)
      .describe("Number of newest backups that ./datalab backup prune keeps."),
    homes: z
      .strictObject({
        size: z
          .string()
          .regex(sizePattern, 'a size such as "20Gi"')
          .default("20Gi")
          .describe("Maximum size of one home, before compression; holes in files do not count."),
        time: z
          .string()
          .regex(durationPattern, 'a duration such as "30m"')
          .refine((time) => !durationPattern.test(time) || parseDuration(time) <= maxHomeSeconds, {
            error: "at most 12h",
          })
          .default("30m")
          .describe("Maximum time for one home, for saving and for each step of a restore."),
      })
      .prefault({})
      .describe("Limits for each notebook user's home; one that exceeds them is passed by and named."),
  })
  .describe("Backups of databases and objects; see docs/backup.md.");
