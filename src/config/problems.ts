import { z } from "zod";
import type { Problem } from "../errors.ts";
import { didYouMean, nearest } from "../nearest.ts";
import { formsOf, type JsonSchema, nodesAt } from "./json-schema-nodes.ts";
import { show, typeNames } from "./value-text.ts";

type Path = readonly (string | number)[];
type Issue = z.core.$ZodIssue;

/**
 * Checks `value`; returns the parsed value, or all problems in the form `✖ path: expected ..., received ...`.
 */
export function check<T extends z.ZodType>(
  schema: T,
  value: unknown,
): { ok: true; value: z.output<T> } | { ok: false; problems: Problem[] } {
  const result = schema.safeParse(value);
  if (result.success) return { ok: true, value: result.data };
  const texts = new IssueTexts(schema, value);
  const problems = result.error.issues.flatMap((issue) => texts.problems(issue, []));
  return { ok: false, problems: withoutEchoes(problems) };
}

/** Turns zod's issues into our messages. */
class IssueTexts {
  readonly #schema: z.ZodType;
  readonly #root: unknown;
  #json: JsonSchema | undefined;

  constructor(schema: z.ZodType, root: unknown) {
    this.#schema = schema;
    this.#root = root;
  }

  problems(issue: Issue, base: Path): Problem[] {
    const path = [...base, ...issue.path.map((key) => (typeof key === "number" ? key : String(key)))];
    switch (issue.code) {
      case "unrecognized_keys":
        return issue.keys.map((key) => this.#unknownKey([...path, key], this.#allowed(path)));
      case "invalid_value": {
        const given = this.#at(path);
        return [
          {
            path,
            message: `expected ${this.#expected(issue, path)}, received ${show(given)}`,
            ...(typeof given === "string" && didYouMean(given, issue.values.map(String))),
          },
        ];
      }
      case "invalid_union":
        return this.#union(issue.errors, path);
      case "invalid_key": {
        const expected = issue.issues.map((inner) => this.#expected(inner, path)).join(" and ");
        const key = JSON.stringify(String(path.at(-1)));
        return [{ path, message: `expected ${expected} as the key, received ${key}` }];
      }
      default: {
        const given = this.#at(path);
        const candidates =
          issue.code === "custom" ? (issue.params?.candidates as string[] | undefined) : undefined;
        return [
          {
            path,
            message: `expected ${this.#expected(issue, path)}, received ${show(given)}`,
            ...(candidates && typeof given === "string" && didYouMean(given, candidates)),
            ...this.#quote(issue, path, given),
            ...(issue.code === "custom" && issue.params?.fix && { fix: String(issue.params.fix) }),
          },
        ];
      }
    }
  }

  #unknownKey(path: Path, allowed: readonly string[]): Problem {
    const key = String(path.at(-1));
    const expected = allowed.length > 0 ? `one of ${allowed.join(", ")}` : "no keys here";
    const meant = didYouMean(key, allowed);
    // A service's name may be one level too high.
    const isOutside = meant.fix === undefined && path.length === 1 && allowed.includes("services");
    const service = isOutside ? nearest(key, this.#allowed(["services"])) : undefined;
    return {
      path,
      message: `expected ${expected}, received the unknown key ${JSON.stringify(key)}`,
      ...(service === undefined ? meant : { fix: `Did you mean services.${service}?` }),
    };
  }

  /** None of a value's possible forms fits: reports the problem of the form that was probably meant. */
  #union(branches: readonly Issue[][], path: Path): Problem[] {
    const failed = branches.filter((branch) => branch.length > 0);
    // The form that was meant fails inside, not at its root.
    const inside = failed.filter((branch) =>
      branch.every((i) => i.path.length > 0 || i.code === "unrecognized_keys"),
    );
    if (inside.length === 0 && failed.every(([i]) => i?.code === "invalid_type" && i.expected === "object")) {
      return [
        { path, message: `expected a mapping with ${this.#forms(path)}, received ${show(this.#at(path))}` },
      ];
    }
    if (inside.length === 0) {
      const expected = [...new Set(failed.map((branch) => this.#expected(branch[0] as Issue, path)))];
      return [{ path, message: `expected ${expected.join(" or ")}, received ${show(this.#at(path))}` }];
    }
    const given = Object.keys(this.#at(path) as object);
    const allowed = this.#allowed(path);
    const unknown = given.filter((key) => !allowed.includes(key));
    if (unknown.length > 0) return unknown.map((key) => this.#unknownKey([...path, key], allowed));
    // Only the keys matter here: either some are missing in every form, or two forms are mixed.
    const wrong = (branch: readonly Issue[]) => branch.filter((i) => !this.#isMissing(i, path));
    const meant = inside
      .filter((branch) => wrong(branch).length > 0 && branch.every((i) => i.code !== "unrecognized_keys"))
      .sort((a, b) => a.length - b.length)[0];
    if (meant) return meant.flatMap((issue) => this.problems(issue, path));
    const received = given.length === 0 ? "an empty mapping" : `one with ${given.join(", ")}`;
    return [{ path, message: `expected a mapping with ${this.#forms(path)}, received ${received}` }];
  }

  #isMissing(issue: Issue, base: Path): boolean {
    return issue.path.length > 0 && this.#at([...base, ...(issue.path as Path)]) === undefined;
  }

  /** The keys that tell the possible forms of a mapping apart: `either cron and timezone or every`. */
  #forms(path: Path): string {
    const keysOf = nodesAt(this.#schemaJson(), path)
      .flatMap(formsOf)
      .map((node) => Object.keys(node.properties ?? {}))
      .filter((keys) => keys.length > 0);
    const isShared = (key: string) => keysOf.length > 1 && keysOf.every((keys) => keys.includes(key));
    const forms = keysOf
      .map((keys) => keys.filter((key) => !isShared(key)).join(" and "))
      .filter((keys) => keys !== "");
    const last = forms.pop() ?? "other keys";
    return forms.length > 0 ? `either ${forms.join(", ")} or ${last}` : last;
  }

  #expected(issue: Issue, path: Path): string {
    // A text in the schema is better than a generated one.
    if ("message" in issue && !/^(Invalid|Too |Unrecognized|Required)/.test(issue.message))
      return issue.message;
    switch (issue.code) {
      case "invalid_type":
        if (issue.expected === "string") return this.#format(path) ?? "text";
        return issue.expected === "int" || issue.expected === "number"
          ? this.#range(path)
          : (typeNames[issue.expected] ?? issue.expected);
      case "invalid_value":
        return `${issue.values.length > 1 ? "one of " : ""}${issue.values.map((v) => JSON.stringify(v)).join(", ")}`;
      case "too_small":
      case "too_big":
        if (issue.origin === "string") return "text that is not empty";
        if (issue.origin === "array") return "a list that is not empty";
        return this.#range(path);
      default:
        return issue.message;
    }
  }

  /** `a whole number from 1 to 65535`: as the schema has it at a path. */
  #range(path: Path): string {
    const node = nodesAt(this.#schemaJson(), path)
      .flatMap(formsOf)
      .find((n) => n.type === "integer" || n.type === "number");
    const kind = node?.type === "number" ? "a number" : "a whole number";
    const low = node?.minimum ?? Number.MIN_SAFE_INTEGER;
    const high = node?.maximum ?? Number.MAX_SAFE_INTEGER;
    if (low === Number.MIN_SAFE_INTEGER)
      return high === Number.MAX_SAFE_INTEGER ? kind : `${kind} up to ${high}`;
    return high === Number.MAX_SAFE_INTEGER ? `${kind} from ${low}` : `${kind} from ${low} to ${high}`;
  }

  /** The format of a text, if the given value is not a text: found by parsing the value as text. */
  #format(path: Path): string | undefined {
    const issue = this.#asText(path);
    return issue && this.#expected(issue, path);
  }

  /** A number or a boolean that would be valid in quotes. */
  #quote(issue: Issue, path: Path, given: unknown): { fix?: string } {
    const isText = issue.code === "invalid_type" && issue.expected === "string";
    if (!isText || (typeof given !== "number" && typeof given !== "boolean") || this.#asText(path)) return {};
    return { fix: "Write it in quotes." };
  }

  #asText(path: Path): Issue | undefined {
    const given = this.#at(path);
    if (path.length === 0) return undefined;
    const root = structuredClone(this.#root) as Record<string | number, unknown>;
    const parent = path
      .slice(0, -1)
      .reduce<Record<string | number, unknown>>((v, key) => v[key] as never, root);
    parent[path.at(-1) as string] = typeof given === "object" || given === undefined ? "" : String(given);
    const result = this.#schema.safeParse(root);
    return result.success ? undefined : find(result.error.issues, path);
  }

  #at(path: Path): unknown {
    return path.reduce<unknown>(
      (value, key) =>
        typeof value === "object" && value !== null && Object.hasOwn(value, key)
          ? (value as Record<string | number, unknown>)[key]
          : undefined,
      this.#root,
    );
  }

  #allowed(path: Path): string[] {
    const nodes = nodesAt(this.#schemaJson(), path).flatMap(formsOf);
    return [...new Set(nodes.flatMap((node) => Object.keys(node.properties ?? {})))];
  }

  #schemaJson(): JsonSchema {
    this.#json ??= z.toJSONSchema(this.#schema, {
      io: "input",
      unrepresentable: "any",
      reused: "inline",
    }) as JsonSchema;
    return this.#json;
  }
}

/** The issue at exactly a path, inside unions too. */
function find(issues: readonly Issue[], path: Path): Issue | undefined {
  for (const issue of issues) {
    const rest = path.slice(issue.path.length);
    if (issue.path.some((key, i) => key !== path[i])) continue;
    if (issue.code === "invalid_union") {
      for (const branch of issue.errors) {
        const found = find(branch, rest);
        if (found) return found;
      }
    } else if (rest.length === 0 && issue.code !== "invalid_type") return issue;
  }
  return undefined;
}

/**
 * Drops repeated problems: two rules that report the same value, and the key that is missing
 * because it is misspelled.
 */
function withoutEchoes(problems: readonly Problem[]): Problem[] {
  const key = ({ path, message }: Problem) => JSON.stringify([path, message]);
  const meant = new Set(
    problems.flatMap(({ path, fix }) => {
      const near = /^Did you mean (.*)\?$/.exec(fix ?? "")?.[1];
      return near === undefined ? [] : [JSON.stringify([...path.slice(0, -1), near])];
    }),
  );
  const seen = new Set<string>();
  return problems.filter((problem) => {
    const isMissing = problem.message.endsWith("received nothing");
    if (seen.has(key(problem)) || (isMissing && meant.has(JSON.stringify(problem.path)))) return false;
    return seen.add(key(problem));
  });
}
