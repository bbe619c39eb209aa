import { ConfigError } from "../errors.ts";
import type { Environment } from "../model/environment.ts";
import { nearest } from "../nearest.ts";
import { platformJsonSchema, schemaAt } from "./json-schema.ts";

/** A configuration value and where it is set: `datalab config why --json`. */
export interface Explanation {
  readonly path: string;
  readonly value: unknown;
  /** `file:line:col`; null: it is the default. */
  readonly at: string | null;
  /**
   * The preset that sets the value; its position is `at`. null: the file sets the value, or it is the
   * default.
   */
  readonly preset: string | null;
  readonly default: unknown;
  readonly summary: string | null;
}

/**
 * Explains the value at a dotted path such as `services.prefect.ports.api`. Throws a ConfigError for an
 * unknown one.
 */
export function explain(environment: Environment, path: string): Explanation {
  const keys = path
    .split(/[.[\]]/)
    .filter((key) => key !== "")
    .map((key) => (/^\d+$/.test(key) ? Number(key) : key));
  const root = platformJsonSchema(environment.services);
  let value: unknown = environment.config;
  for (const [i, key] of keys.entries()) {
    const here = (typeof value === "object" && value !== null ? value : {}) as Record<
      string | number,
      unknown
    >;
    const has = Object.hasOwn(here, key);
    if (!has && !schemaAt(root, keys.slice(0, i + 1))) {
      const candidates = Object.keys(schemaAt(root, keys.slice(0, i))?.properties ?? here);
      const near = nearest(String(key), candidates);
      throw new ConfigError([
        {
          path: keys.slice(0, i + 1),
          message: `expected ${candidates.length > 0 ? `one of ${candidates.join(", ")}` : "no keys, it is a value"}, received the unknown key ${JSON.stringify(String(key))}`,
          ...(near && { fix: `Did you mean ${[...keys.slice(0, i), near].join(".")}?` }),
        },
      ]);
    }
    value = has ? here[key] : undefined;
  }
  const schema = schemaAt(root, keys);
  return {
    path,
    value,
    at: environment.find(keys) ?? null,
    preset: environment.presetOf(keys) ?? null,
    default: schema?.default,
    summary: schema?.description ?? null,
  };
}
