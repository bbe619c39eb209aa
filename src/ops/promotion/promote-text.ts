import { formatPath } from "../../errors.ts";
import { previewText } from "../lifecycle/preview-text.ts";
import type { FieldChange } from "./fields.ts";
import type { Promotion } from "./promote.ts";

/** What people read before they say yes. */
export function promotionText({ source, target, changes, preview }: Promotion): string {
  const from = source.stack === target ? `release ${source.release}` : `${source.stack} ${source.release}`;
  const commit = source.commit ? ` (commit ${source.commit.slice(0, 12)})` : "";
  return [
    `${from}${commit} → ${target}`,
    "",
    ...(changes.length === 0
      ? [`Pulumi.${target}.yaml already has all of it.`]
      : [`Pulumi.${target}.yaml:`, ...changes.map((change) => `  ${changeText(change)}`)]),
    "",
    previewText(preview),
  ].join("\n");
}

export function changeText({ path, from, to }: FieldChange): string {
  const text = (value: unknown) => (value === null ? "the default" : short(value));
  return `${formatPath(path)}: ${text(from)} → ${text(to)}`;
}

function short(value: unknown): string {
  if (typeof value === "string") return value.replace(/^sha256:([0-9a-f]{12})[0-9a-f]{52}$/, "sha256:$1");
  const { release, commit } = value as { release?: string; commit?: string };
  return release && commit ? `${release} (commit ${commit.slice(0, 12)})` : JSON.stringify(value);
}
