import type { z } from "zod";

type Issue = z.core.$ZodIssue | undefined;

/** What a body says as JSON of this shape, or what is wrong with it. */
export function parseBody<T>(
  schema: z.ZodType<T>,
  body: string,
  wrong: (first: Issue) => string,
): { readonly value: T } | { readonly wrong: string } {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    return { wrong: "The body is not JSON." };
  }
  const parsed = schema.safeParse(json);
  return parsed.success ? { value: parsed.data } : { wrong: wrong(parsed.error.issues[0]) };
}
