/** Parses JSON and keeps integers beyond 2^53, which tables do hold, as they are written. */
export function parseExactly(text: string): unknown {
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  const { rawJSON } = JSON as unknown as { rawJSON(source: string): unknown };
  const keep = (_key: string, value: unknown, context?: { source?: string }) =>
    typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? "")
      ? rawJSON(context?.source as string)
      : value;
  return JSON.parse(text, keep as (key: string, value: unknown) => unknown);
}
