import { distance } from "fastest-levenshtein";
import { z } from "zod";
import type { Problem } from "./error.ts";

type Path = readonly (string | number)[];

/** The candidate that was probably meant, or undefined when none is near. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    const d = distance(word.toLowerCase(), candidate.toLowerCase());
    if (d < bestDistance) [best, bestDistance] = [candidate, d];
  }
  return best;
}

/** Checks `value`; returns the parsed value, or all that is wrong in the words of `✖ path: expected ..., received ...`. */
export function check<T extends z.ZodType>(
  schema: T,
  value: unknown,
): { ok: true; value: z.output<T> } | { ok: false; problems: Problem[] } {
  const result = schema.safeParse(value);
  if (result.success) return { ok: true, value: result.data };
  const allowed = allowedKeys(schema);
  return { ok: false, problems: result.error.issues.flatMap((issue) => toProblems(issue, [], value, allowed)) };
}

type Issue = z.core.$ZodIssue;

function toProblems(issue: Issue, base: Path, root: unknown, allowed: (path: Path) => string[]): Problem[] {
  const path = [...base, ...issue.path.map((key) => (typeof key === "number" ? key : String(key)))];
  const received = `received ${show(valueAt(root, path))}`;
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => {
        const keys = allowed(path);
        const near = nearest(key, keys);
        return {
          path: [...path, key],
          message: `expected ${keys.length > 0 ? `one of ${keys.join(", ")}` : "no keys here"}, received the unknown key ${JSON.stringify(key)}`,
          ...(near && { fix: `Did you mean ${near}?` }),
        };
      });
    case "invalid_value": {
      const given = valueAt(root, path);
      const near = typeof given === "string" ? nearest(given, issue.values.map(String)) : undefined;
      const values = issue.values.map((v) => JSON.stringify(v)).join(", ");
      return [
        {
          path,
          message: `expected ${issue.values.length > 1 ? "one of " : ""}${values}, ${received}`,
          ...(near && { fix: `Did you mean ${near}?` }),
        },
      ];
    }
    case "invalid_union": {
      const branches = issue.errors.filter((branch) => branch.length > 0);
      // The branch that was meant is the one that fails inside, not at its root.
      const inside = branches.filter((branch) => branch.every((i) => i.path.length > 0 || i.code === "unrecognized_keys"));
      const meant = inside.sort((a, b) => a.length - b.length)[0];
      if (meant) return meant.flatMap((i) => toProblems(i, path, root, allowed));
      const expected = [...new Set(branches.map((branch) => expectation(branch[0] as Issue)))];
      return [{ path, message: `expected ${expected.join(" or ")}, ${received}` }];
    }
    case "invalid_key":
      return [
        {
          path,
          message: `expected the key to be ${issue.issues.map(expectation).join(" and ")}, received ${JSON.stringify(String(path.at(-1)))}`,
        },
      ];
    default:
      return [{ path, message: `expected ${expectation(issue)}, ${received}` }];
  }
}

const typeNames: Record<string, string> = {
  object: "a mapping",
  record: "a mapping",
  array: "a list",
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
};

function expectation(issue: Issue): string {
  switch (issue.code) {
    case "invalid_type":
      return typeNames[issue.expected] ?? issue.expected;
    case "invalid_value":
      return issue.values.map((v) => JSON.stringify(v)).join(" or ");
    case "too_small":
      return `${issue.origin === "string" ? "text of " : ""}at least ${issue.minimum}${issue.origin === "string" ? " character" : ""}`;
    case "too_big":
      return `at most ${issue.maximum}`;
    default:
      return issue.message; // our own words, given where the schema is
  }
}

function valueAt(root: unknown, path: Path): unknown {
  return path.reduce<unknown>((value, key) => (value as Record<string | number, unknown> | null | undefined)?.[key], root);
}

function show(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null) return "nothing (null)";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a mapping";
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

interface JsonSchema {
  properties?: Record<string, JsonSchema>;
  additionalProperties?: JsonSchema | boolean;
  items?: JsonSchema;
  anyOf?: JsonSchema[];
}

/** The keys that a schema allows at a path. */
function allowedKeys(schema: z.ZodType): (path: Path) => string[] {
  let json: JsonSchema | undefined;
  return (path) => {
    json ??= z.toJSONSchema(schema, { io: "input", unrepresentable: "any", reused: "inline" }) as JsonSchema;
    let nodes: JsonSchema[] = [json];
    for (const key of path) {
      nodes = nodes
        .flatMap((node) => node.anyOf ?? [node])
        .map((node) =>
          typeof key === "number"
            ? node.items
            : (node.properties?.[key] ?? (typeof node.additionalProperties === "object" ? node.additionalProperties : undefined)),
        )
        .filter((node) => node !== undefined);
    }
    return nodes.flatMap((node) => node.anyOf ?? [node]).flatMap((node) => Object.keys(node.properties ?? {}));
  };
}
