import { z } from "zod";
import { stackPattern } from "../model/names.ts";

/** What of `datalab:platform` is about releases and safety: the order of stacks, what was promoted, what is protected and saved. */

const stack = z.string().regex(stackPattern, 'the name of a stack such as "staging"');

export const promotion = z
  .array(stack)
  .min(2)
  .refine((stacks) => new Set(stacks).size === stacks.length, { error: "every stack once" })
  .default(["dev", "staging", "prod"])
  .describe("Stacks in the order that releases are promoted through; none is skipped.");

export const protect = z
  .boolean()
  .optional()
  .describe(
    "Whether the stack is taken down, or data given up, only when its name is typed; absent: the stack `prod` is.",
  );

export const promoted = z
  .strictObject({
    from: stack.describe("Stack that the release was taken from."),
    release: z.string().min(1).describe("Id of that stack's release."),
    commit: z
      .string()
      .regex(/^[0-9a-f]{40}$/, "the 40 hex digits of a commit")
      .describe("Commit that it was deployed from."),
    pipelines: z
      .record(z.string(), z.string().regex(/^[0-9a-f]{16}$/, "a version of 16 hex digits"))
      .describe("Version of each pipeline; files with another one are not deployed here."),
  })
  .optional()
  .describe("What was promoted to this stack; written by ./datalab promote.");

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
        "Where backups are kept, in the words of Pulumi's backends; absent: beside the stack's state.",
      ),
    keep: z
      .int()
      .min(1)
      .max(1000)
      .default(14)
      .describe("How many backups ./datalab backup prune leaves, the last ones."),
  })
  .describe("Backups of databases and objects; see docs/backup.md.");
