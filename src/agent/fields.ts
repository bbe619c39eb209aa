/** Names that say where a line comes from: a line may not say so itself. */
const own = new Set([
  "_time",
  "_msg",
  "_stream",
  "_stream_id",
  "service",
  "workload",
  "container",
  "stream",
  "level",
]);
const maxFields = 24;
const longestLine = 16 * 1024;
const longestValue = 1024;

/**
 * Fields of a line that is a JSON object, so that they can be searched by name: texts, numbers and booleans
 * of its top level. A name that is taken is written `log.<name>`. The line itself stays as it is.
 */
export function fieldsOf(text: string): Readonly<Record<string, string>> | undefined {
  if (!text.startsWith("{") || !text.endsWith("}") || text.length > longestLine) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const fields: Record<string, string> = {};
  for (const [name, inner] of Object.entries(value as object).slice(0, maxFields)) {
    if (typeof inner !== "string" && typeof inner !== "number" && typeof inner !== "boolean") continue;
    if (!/^[\w.@-]{1,64}$/.test(name) || name === "__proto__") continue;
    fields[own.has(name) ? `log.${name}` : name] = String(inner).slice(0, longestValue);
  }
  return fields;
}
