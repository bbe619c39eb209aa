/** The documented JSON shapes (docs/cli.md): nothing more, nothing less. */
import { z } from "zod";

export const status = z.strictObject({
  stack: z.string(),
  target: z.enum(["docker", "kubernetes"]),
  services: z.array(
    z.strictObject({
      name: z.string(),
      state: z.enum(["healthy", "starting", "degraded", "down", "stopped"]),
      url: z.url().optional(),
      checks: z.array(
        z.strictObject({ name: z.string(), ok: z.boolean(), ms: z.number(), message: z.string().optional() }),
      ),
    }),
  ),
});

export const tables = z.array(
  z.strictObject({
    layer: z.enum(["bronze", "silver", "gold"]),
    name: z.string(),
    rows: z.int(),
    columns: z.int(),
    version: z.int(),
    bytes: z.int(),
    updated: z.iso.datetime({ offset: true }),
  }),
);
export type Tables = z.infer<typeof tables>;

export const run = z.strictObject({ run: z.uuid(), state: z.string(), seconds: z.number() });

export const ingested = z.strictObject({
  table: z.string(),
  file: z.string(),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  rows: z.int(),
  malformed: z.int(),
  skipped: z.boolean(),
  version: z.int(),
});

export const failure = z.strictObject({
  error: z.looseObject({ code: z.string(), message: z.string().min(1), hint: z.string().nullable() }),
});

export const upped = z.strictObject({
  stack: z.string(),
  target: z.enum(["docker", "kubernetes"]),
  release: z.string(),
  recorded: z.string(),
  changes: z.record(z.string(), z.int()),
  seconds: z.strictObject({
    setup: z.number(),
    images: z.number(),
    engine: z.number(),
    readiness: z.number(),
    total: z.number(),
  }),
  services: z.array(
    z.strictObject({
      name: z.string(),
      state: z.literal("healthy"),
      endpoints: z.array(
        z.strictObject({
          name: z.string(),
          url: z.url(),
          login: z.strictObject({ user: z.string(), secret: z.string() }).nullable(),
        }),
      ),
    }),
  ),
  setByHand: z.array(z.strictObject({ name: z.string(), paused: z.boolean() })),
});

export const pipelineList = z.array(
  z.strictObject({
    name: z.string(),
    summary: z.string(),
    version: z.string(),
    schedule: z.string(),
    paused: z.boolean(),
    registered: z.boolean(),
    lastRun: z
      .strictObject({ run: z.string(), state: z.string(), at: z.string(), seconds: z.number() })
      .nullable(),
    nextRun: z.string().nullable(),
  }),
);
