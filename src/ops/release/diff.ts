import { isDeepStrictEqual } from "node:util";
import { leavesOf, valueAt } from "./config-diff.ts";
import { isSameImage, type ReleaseImage, type ReleaseRecord } from "./record.ts";

/** Something that two releases have otherwise; null: one has none. */
export interface Changed<T> {
  readonly name: string;
  readonly a: T | null;
  readonly b: T | null;
}

/** `datalab release diff --json`. */
export interface ReleaseDiff {
  readonly a: { readonly stack: string; readonly id: string };
  readonly b: { readonly stack: string; readonly id: string };
  readonly commit: Changed<string> | null;
  readonly images: readonly Changed<ReleaseImage>[];
  readonly services: readonly Changed<string>[];
  readonly pipelines: readonly Changed<string>[];
  readonly config: readonly Changed<unknown>[];
}

export function releaseDiff(a: ReleaseRecord, b: ReleaseRecord): ReleaseDiff {
  const paths = new Map([...leavesOf(a.config), ...leavesOf(b.config)]);
  return {
    a: { stack: a.stack, id: a.id },
    b: { stack: b.stack, id: b.id },
    commit: a.git.commit === b.git.commit ? null : { name: "commit", a: a.git.commit, b: b.git.commit },
    images: changed(a.images, b.images, isSameImage),
    services: changed(a.services, b.services),
    pipelines: changed(a.pipelines, b.pipelines),
    config: [...paths].flatMap(([name, path]) => {
      const [x, y] = [valueAt(a.config, path), valueAt(b.config, path)];
      return isDeepStrictEqual(x, y) ? [] : [{ name, a: x ?? null, b: y ?? null }];
    }),
  };
}

function changed<T>(
  a: Readonly<Record<string, T>>,
  b: Readonly<Record<string, T>>,
  isSame: (x: T | undefined, y: T | undefined) => boolean = isDeepStrictEqual,
): Changed<T>[] {
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])].sort();
  return names
    .filter((name) => !isSame(a[name], b[name]))
    .map((name) => ({ name, a: a[name] ?? null, b: b[name] ?? null }));
}

/** What people read: one line a difference. */
export function releaseDiffText(diff: ReleaseDiff): string {
  const group = <T>(title: string, list: readonly Changed<T>[], text: (value: T) => string): string[] => {
    if (list.length === 0) return [];
    const width = Math.max(...list.map(({ name }) => name.length));
    const side = (value: T | null) => (value === null ? "none" : text(value));
    return [title, ...list.map(({ name, a, b }) => `  ${name.padEnd(width)}  ${side(a)} → ${side(b)}`)];
  };
  const lines = [
    ...group("Commit", diff.commit ? [diff.commit] : [], (commit) => commit.slice(0, 12)),
    ...group("Images", diff.images, imageText),
    ...group("Services", diff.services, String),
    ...group("Pipelines", diff.pipelines, String),
    ...group("Configuration", diff.config, (value) => JSON.stringify(value)),
  ];
  const [a, b] = [`${diff.a.stack} ${diff.a.id}`, `${diff.b.stack} ${diff.b.id}`];
  return lines.length === 0 ? `${a} and ${b} are the same.` : [`${a} → ${b}`, ...lines].join("\n");
}

/** The digest is short enough to read, and long enough to be told from another. */
export function imageText({ digest, id, tag }: ReleaseImage): string {
  const short = (text: string) => text.replace(/^sha256:/, "").slice(0, 12);
  if (digest !== null) return `digest ${short(digest)}`;
  return id === null ? (tag ?? "unknown") : `id ${short(id)}`;
}
