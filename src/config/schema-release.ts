import { z } from "zod";

/** What of `datalab:platform` is about releases: the order of stacks, what was promoted, what is protected. */

const stack = z
  .string()
  .regex(/^[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?$/, 'the name of a stack such as "staging"');

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
