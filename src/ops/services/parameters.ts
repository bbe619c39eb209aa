import { DatalabError } from "../../errors.ts";
import { parseExactly } from "../exact-json.ts";
import { suggest } from "../suggest.ts";
import type { ParameterSchema } from "./prefect-client.ts";

/**
 * Reads `key=value` words as the values they mean. What a parameter may be is in the flow's signature, which
 * Prefect keeps as a JSON Schema: a text stays the text that was typed, `20240101` and `true` too.
 */
export function parameterValues(
  pipeline: string,
  given: ReadonlyMap<string, string>,
  schema: ParameterSchema,
): Record<string, unknown> {
  const known = Object.keys(schema.properties ?? {});
  const values: Record<string, unknown> = {};
  for (const [key, text] of given) {
    if (!known.includes(key)) {
      throw new DatalabError("E_PARAMETER", `The pipeline ${pipeline} has no parameter "${key}".`, {
        hint: suggest(key, known),
      });
    }
    values[key] = meant(text, allowedBy(schema.properties?.[key], schema));
  }
  return values;
}

/** What a schema allows; both empty: anything. */
interface Allowed {
  readonly types: ReadonlySet<string>;
  readonly values: readonly unknown[];
}

function meant(text: string, { types, values }: Allowed): unknown {
  // A choice is written as it reads: 1 for 1, high for "high".
  const chosen = values.find((value) => text === (typeof value === "string" ? value : JSON.stringify(value)));
  if (chosen !== undefined) return chosen;
  let value: unknown;
  try {
    value = parseExactly(text);
  } catch {
    return text;
  }
  if (!types.has("string")) return value;
  // Text, unless the parameter may be just this as well, such as null for `str | None`.
  return typesOf(value).some((type) => types.has(type)) ? value : text;
}

function typesOf(value: unknown): string[] {
  if (value === null) return ["null"];
  if (Array.isArray(value)) return ["array"];
  if (typeof value === "number") return Number.isInteger(value) ? ["integer", "number"] : ["number"];
  if (typeof value === "boolean") return ["boolean"];
  // What is a text in JSON is one without its quotes, too: it stays as it was typed.
  if (typeof value === "string") return [];
  return /^-?\d+$/.test(JSON.stringify(value)) ? ["integer", "number"] : ["object"];
}

const combined = ["anyOf", "oneOf", "allOf"];
/** Definitions may refer to themselves. */
const deepest = 8;

function allowedBy(property: unknown, schema: ParameterSchema, depth = 0): Allowed {
  const types = new Set<string>();
  const values: unknown[] = [];
  if (typeof property !== "object" || property === null || depth > deepest) return { types, values };
  const own = property as Record<string, unknown>;
  for (const type of [own.type ?? []].flat()) types.add(String(type));
  if (Array.isArray(own.enum)) values.push(...own.enum);
  if ("const" in own) values.push(own.const);
  const parts = combined.flatMap((key) => (Array.isArray(own[key]) ? (own[key] as unknown[]) : []));
  const name = /^#\/(?:definitions|\$defs)\/(.+)$/.exec(String(own.$ref ?? ""))?.[1];
  if (name !== undefined) parts.push(schema.definitions?.[name]);
  for (const part of parts) {
    const allowed = allowedBy(part, schema, depth + 1);
    for (const type of allowed.types) types.add(type);
    values.push(...allowed.values);
  }
  // Without an annotation the default says what it is.
  if (types.size === 0 && values.length === 0 && typeof own.default === "string") types.add("string");
  return { types, values };
}
