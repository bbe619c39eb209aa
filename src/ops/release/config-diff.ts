import { readdirSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { platformJsonSchema } from "../../config/json-schema.ts";
import { loadEnvironment } from "../../config/load.ts";
import { type Owner, ownerOf, owners } from "../../config/ownership.ts";
import { ConfigError, formatPath } from "../../errors.ts";
import type { Environment } from "../../model/environment.ts";
import { stackPattern } from "../../model/names.ts";
import type { ServiceDefinition } from "../../model/service.ts";
import { services as builtIn } from "../../services/index.ts";

/** A value of one stack. `value` is null where nothing stands; `at` is null for a default. */
export interface Placed {
  readonly stack: string;
  readonly value: unknown;
  /** `file:line:col`. */
  readonly at: string | null;
}

export interface Difference {
  readonly path: string;
  readonly a: Placed;
  readonly b: Placed;
  /** What the project's other stacks say. */
  readonly others: readonly Placed[];
  /** Who decides on it; null: it is meant to be the same everywhere. */
  readonly owner: Owner | null;
  /** The one stack that has another value than all others, which agree. */
  readonly accident: string | null;
}

/** `datalab config diff --json`. */
export interface ConfigDiff {
  readonly a: string;
  readonly b: string;
  readonly others: readonly string[];
  /** Stacks whose files can't be read, with the first reason. */
  readonly unread: readonly { readonly stack: string; readonly reason: string }[];
  readonly differences: readonly Difference[];
}

type Path = readonly (string | number)[];
const hidden = "(hidden)";

/**
 * Every difference of two stacks' complete configurations. The project's other stacks tell which of them are
 * accidents.
 */
export function configDiff(
  project: string,
  a: string,
  b: string,
  known: readonly ServiceDefinition[] = builtIn,
): ConfigDiff {
  const [one, other] = bothEnvironments(project, a, b, known);
  const others: Environment[] = [];
  const unread: { stack: string; reason: string }[] = [];
  for (const stack of stacksOf(project).filter((name) => name !== a && name !== b)) {
    try {
      others.push(loadEnvironment(project, stack, known));
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      unread.push({ stack, reason: error.message.split("\n")[0]?.replace(/^✖ /, "") ?? "" });
    }
  }
  const schema = platformJsonSchema([...new Set([...one.services, ...other.services])]);
  const leaves = new Map([...leavesOf(one.config), ...leavesOf(other.config)]);
  const differences = [...leaves.entries()].flatMap(([path, keys]): Difference[] => {
    const [x, y] = [valueAt(one.config, keys), valueAt(other.config, keys)];
    if (isDeepStrictEqual(x, y)) return [];
    // Services that a preset leaves out belong to the environment, like the preset itself.
    const byPreset = [one, other].some((environment) => environment.presetOf(keys) !== undefined);
    const owner = ownerOf(schema, keys) ?? (byPreset ? ownerOf(schema, ["preset"]) : null) ?? null;
    const placed = (environment: Environment): Placed => ({
      stack: environment.stack,
      value: shown(valueAt(environment.config, keys), owner),
      at: environment.find(keys) ?? null,
    });
    const all = [one, other, ...others];
    return [
      {
        path,
        a: placed(one),
        b: placed(other),
        others: others.map(placed),
        owner,
        accident: owner === null ? oddOne(all, keys) : null,
      },
    ];
  });
  return { a, b, others: others.map(({ stack }) => stack), unread, differences };
}

/** Both, or one ConfigError with what is wrong with either. */
function bothEnvironments(project: string, a: string, b: string, known: readonly ServiceDefinition[]) {
  const problems: ConfigError["problems"][number][] = [];
  const loaded = [a, b].map((stack) => {
    try {
      return loadEnvironment(project, stack, known);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      problems.push(...error.problems);
      return undefined;
    }
  });
  if (problems.length > 0) throw new ConfigError(problems);
  return loaded as [Environment, Environment];
}

/** Names of the stacks that have a file in the project. */
export function stacksOf(project: string): string[] {
  return readdirSync(project)
    .flatMap((file) => /^Pulumi\.(.+)\.yaml$/.exec(file)?.[1] ?? [])
    .filter((stack) => stackPattern.test(stack))
    .sort();
}

/** Paths of everything that is no mapping; a list is one value. */
export function leavesOf(value: unknown, path: Path = []): [string, Path][] {
  if (value === undefined) return [];
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [[formatPath(path), path]];
  return Object.entries(value).flatMap(([key, inner]) => leavesOf(inner, [...path, key]));
}

export function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (inner, key) =>
      typeof inner === "object" && inner !== null && Object.hasOwn(inner, key)
        ? (inner as Record<string | number, unknown>)[key]
        : undefined,
    value,
  );
}

/** A hash of a password is nothing to print; a version number is. */
const shown = (value: unknown, owner: Owner | null): unknown =>
  value !== undefined && owner === "secrets" && typeof value !== "number" ? hidden : (value ?? null);

/** Of three stacks or more: the one that stands alone against all others, which agree. */
function oddOne(environments: readonly Environment[], keys: Path): string | null {
  if (environments.length < 3) return null;
  const values = environments.map(({ config }) => valueAt(config, keys));
  const odd = environments.filter((_, i) => {
    const rest = values.filter((_value, j) => j !== i);
    return rest.every((value) => isDeepStrictEqual(value, rest[0])) && !isDeepStrictEqual(values[i], rest[0]);
  });
  return odd.length === 1 ? (odd[0] as Environment).stack : null;
}

/** What people read. */
export function configDiffText(diff: ConfigDiff): string {
  const { a, b, others, differences } = diff;
  if (differences.length === 0) return `${a} and ${b} have the same configuration.`;
  const compared = others.length > 0 ? `; compared with ${others.join(", ")} as well` : "";
  const group = (title: string, wanted: (difference: Difference) => boolean): string[] => {
    const found = differences.filter(wanted);
    return found.length === 0 ? [] : ["", title, ...found.flatMap(lines)];
  };
  const isEnvironments = ({ owner }: Difference) => owner !== null && owner !== "release";
  return [
    `${a} and ${b} differ in ${differences.length} ${differences.length === 1 ? "value" : "values"}${compared}.`,
    ...group("Accidents? The other stacks agree", ({ accident }) => accident !== null),
    ...group("Differences", ({ owner, accident }) => owner === null && accident === null),
    ...group("Written by promotion", ({ owner }) => owner === "release"),
    ...group("Belongs to the environment", isEnvironments),
  ].join("\n");
}

function lines({ path, a, b, others, owner, accident }: Difference): string[] {
  // What belongs to the environment says nothing about third stacks.
  const placed = owner === null ? [a, b, ...others] : [a, b];
  const width = Math.max(...placed.map(({ stack }) => stack.length));
  const values = placed.map(({ value }) => (value === null ? "nothing" : JSON.stringify(value)));
  const widest = Math.max(...values.map((text) => text.length));
  const what =
    accident === null
      ? owner === null || owner === "release"
        ? ""
        : ` (${owners[owner]})`
      : `, different in ${accident}`;
  return [
    `  ${path}${what}`,
    ...placed.map(
      ({ stack, at }, i) =>
        `    ${stack.padEnd(width)}  ${(values[i] as string).padEnd(widest)}  ${at ?? "default"}`,
    ),
  ];
}
