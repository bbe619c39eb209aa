/** A line of a container's log. */
export interface Line {
  /**
   * When it was taken from the container: RFC 3339 in UTC with nine digits, so that texts sort as times do.
   */
  readonly at: string;
  readonly stream: "stdout" | "stderr";
  readonly text: string;
}

/** Longer lines are cut: a log store is no object store. */
export const maxLineBytes = 64 * 1024;
export const cutMark = " ... [cut by the agent: longer than 64 KiB]";

/** Nanoseconds since 1970 of a time stamp, which may have an offset. */
export function nanoseconds(at: string): bigint {
  const [, whole = "", fraction = "", zone = ""] =
    /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)$/.exec(at) ?? [];
  const seconds = BigInt(Math.floor(Date.parse(`${whole}${zone}`) / 1000));
  return seconds * 1_000_000_000n + BigInt(fraction.padEnd(9, "0").slice(0, 9));
}

/** RFC 3339 with nine digits. */
export function timeStamp(ns: bigint): string {
  const whole = new Date(Number(ns / 1_000_000n)).toISOString().slice(0, 19);
  return `${whole}.${String(ns % 1_000_000_000n).padStart(9, "0")}Z`;
}
