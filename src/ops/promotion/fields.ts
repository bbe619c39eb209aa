import { isDeepStrictEqual } from "node:util";
import type { Field } from "../../config/edit.ts";
import type { JsonSchema } from "../../config/json-schema.ts";
import { ownerOf } from "../../config/ownership.ts";
import { leavesOf, valueAt } from "../release/config-diff.ts";
import type { ReleaseRecord } from "../release/record.ts";

export const parts = ["services", "pipelines", "config"] as const;
export type Part = (typeof parts)[number];

/**
 * A value of the target's file that a promotion changes; null: it does not stand there, and the default
 * holds.
 */
export interface FieldChange {
  readonly part: Part;
  readonly path: readonly (string | number)[];
  readonly from: unknown;
  readonly to: unknown;
}

/** The image that holds the pipelines' own code. */
const pipelineImage = "pipelines";

export interface PromotedFrom {
  readonly from: string;
  readonly release: string;
  readonly commit: string;
  readonly pipelines: Readonly<Record<string, string>>;
}

export interface PromotionInput {
  readonly record: ReleaseRecord;
  /** `datalab:platform` as it stands in the target's file. */
  readonly target: Readonly<Record<string, unknown>>;
  readonly schema: JsonSchema;
  /** Digests that the target takes its images by; empty where it builds them. */
  readonly digests: Readonly<Record<string, string>>;
  readonly promoted: PromotedFrom;
  readonly only: readonly Part[];
}

/** What a promotion changes in the target's file. What belongs to the environment is never among it. */
export function promotionChanges(input: PromotionInput): FieldChange[] {
  const { record, target, schema, digests, promoted, only } = input;
  const leaves = new Map([...leavesOf(record.given), ...leavesOf(target)]);
  const shared = [...leaves.values()]
    .filter((path) => ownerOf(schema, path) === undefined)
    .map((path) =>
      change(
        path[0] === "pipelines" ? "pipelines" : "config",
        path,
        valueAt(target, path),
        valueAt(record.given, path),
      ),
    );
  const images = Object.entries(digests).map(([name, digest]) => {
    const path = ["images", "digests", name];
    return change(name === pipelineImage ? "pipelines" : "services", path, valueAt(target, path), digest);
  });
  const made = [...shared, ...images].filter(
    ({ part, from, to }) => only.includes(part) && !isDeepStrictEqual(from, to),
  );
  const before = target.promoted as PromotedFrom | undefined;
  // Pipelines that are not promoted stay as they were.
  const pipelines = only.includes("pipelines") ? promoted.pipelines : (before?.pipelines ?? {});
  const note = { ...promoted, pipelines };
  return isDeepStrictEqual(before, note) && made.length === 0
    ? []
    : [...made, change("config", ["promoted"], before, note)];
}

/** What brings a release of the target back: its whole file, but for secrets and what protects it. */
export function rollbackChanges(
  record: ReleaseRecord,
  target: Readonly<Record<string, unknown>>,
  schema: JsonSchema,
): FieldChange[] {
  const leaves = new Map([...leavesOf(record.given), ...leavesOf(target)]);
  return [...leaves.values()]
    .filter((path) => !["secrets", "safety"].includes(ownerOf(schema, path) ?? ""))
    .map((path) => change("config", path, valueAt(target, path), valueAt(record.given, path)))
    .filter(({ from, to }) => !isDeepStrictEqual(from, to));
}

const change = (part: Part, path: FieldChange["path"], from: unknown, to: unknown): FieldChange => ({
  part,
  path,
  from: from ?? null,
  to: to ?? null,
});

export const fieldsOf = (changes: readonly FieldChange[]): Field[] =>
  changes.map(({ path, to }) => [path.map(String), to === null ? undefined : to]);
