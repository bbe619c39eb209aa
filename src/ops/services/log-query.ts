import { type Level, levelOf, levels } from "../../agent/level.ts";
import { DatalabError } from "../../errors.ts";
import { suggest } from "../suggest.ts";

/** What people ask of the logs, as they type it. */
export interface LogWish {
  readonly names: readonly string[];
  readonly since?: string | undefined;
  readonly grep?: string | undefined;
  readonly level?: string | undefined;
  readonly limit?: number | undefined;
  readonly follow: boolean;
}

/** The same, understood. */
export interface LogQuery {
  readonly names: readonly string[];
  /** Milliseconds since 1970; undefined: as far back as there is something. */
  readonly since: number | undefined;
  readonly pattern: RegExp | undefined;
  /** The pattern as it was typed. */
  readonly grep: string | undefined;
  /** This level and all that weigh more. */
  readonly levels: readonly Level[] | undefined;
  readonly limit: number | undefined;
  readonly follow: boolean;
}

const units: Readonly<Record<string, number>> = { s: 1e3, m: 6e4, h: 36e5, d: 864e5, w: 6048e5 };
const wrong = (option: string, expected: string, received: string, hint?: string) =>
  new DatalabError("E_USAGE", `${option}: expected ${expected}, received ${JSON.stringify(received)}`, {
    ...(hint !== undefined && { hint }),
  });

/** Understands a wish; throws E_USAGE that says which option is wrong, and why. */
export function understand(wish: LogWish, now = Date.now()): LogQuery {
  return {
    names: wish.names,
    since: wish.since === undefined ? undefined : sinceOf(wish.since, now),
    grep: wish.grep,
    pattern: wish.grep === undefined ? undefined : patternOf(wish.grep),
    levels: wish.level === undefined ? undefined : levelsFrom(wish.level),
    limit: wish.limit,
    follow: wish.follow,
  };
}

/** "15m", "1h30m", "2026-01-31" or "2026-01-31T12:00:00Z" -> milliseconds since 1970. */
function sinceOf(text: string, now: number): number {
  if (/^(?:\d+[smhdw])+$/.test(text)) {
    const parts = text.matchAll(/(\d+)([smhdw])/g);
    return [...parts].reduce(
      (at, [, count, unit]) => at - Number(count) * (units[unit as string] as number),
      now,
    );
  }
  const at = /^\d{4}-\d\d-\d\d(?:[T ].+)?$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(at)) {
    throw wrong("--since", "a duration such as 15m, 2h or 7d, or a time such as 2026-01-31T12:00:00Z", text);
  }
  return at;
}

function patternOf(text: string): RegExp {
  // Go, which searches the store, knows this prefix; JavaScript knows the flag.
  const plain = text.replace(/^\(\?i\)/, "");
  try {
    return new RegExp(plain, plain === text ? "" : "i");
  } catch (error) {
    const reason = (error as Error).message.split(": ").at(-1)?.toLowerCase();
    throw wrong(
      "--grep",
      "a regular expression",
      text,
      `It is wrong: ${reason}. Write a backslash before a literal character: \\(`,
    );
  }
}

function levelsFrom(text: string): readonly Level[] {
  const min = levels.indexOf(text as Level);
  if (min >= 0) return levels.slice(min);
  throw wrong("--level", `one of ${levels.join(", ")}`, text, suggest(text, levels));
}

/** The wish in the store's own language. What people typed is quoted: it is text there, never syntax. */
export function logsQl({ names, since, grep, levels: wanted }: LogQuery): string {
  const list = names.map((name) => JSON.stringify(name)).join(",");
  const who = names.length === 0 ? "*" : `({service in (${list})} or {workload in (${list})})`;
  return [
    who,
    // Lines that functional checks write are nobody's log.
    '{stream!="check"}',
    ...(since === undefined ? [] : [`_time:>=${new Date(since).toISOString()}`]),
    ...(wanted === undefined ? [] : [`level:in(${wanted.join(",")})`]),
    ...(grep === undefined ? [] : [`_msg:~${JSON.stringify(grep)}`]),
  ].join(" ");
}

/** Takes lines as a program without the store has to: by looking at each. */
export function lineFilter({
  pattern,
  levels: wanted,
}: LogQuery): (line: {
  readonly workload: string;
  readonly stream: string;
  readonly line: string;
}) => Level | undefined {
  const before = new Map<string, Level>();
  return ({ workload, stream, line }) => {
    const source = `${workload} ${stream}`;
    const level = levelOf(line, before.get(source));
    before.set(source, level);
    if (pattern && !pattern.test(line)) return undefined;
    return wanted === undefined || wanted.includes(level) ? level : undefined;
  };
}
