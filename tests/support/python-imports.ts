/**
 * What Python files import of each other, read from their text: at the top, in a function, for types only.
 */
import { dirname, join } from "node:path";
import type { ImportGraph } from "./import-graph.ts";

const statement =
  /^[ \t]*(?:from[ \t]+(?<from>\.*[\w.]*)[ \t]+import[ \t]+(?<names>\([^)]*\)|[^\n]+)|import[ \t]+(?<modules>[^\n]+))/gm;

/** Texts are not code: what a docstring says of imports is none. */
const withoutTexts = (source: string): string =>
  source
    .replace(/"""[\s\S]*?"""|'''[\s\S]*?'''/g, '""')
    .replace(/"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'/g, '""')
    .replace(/#[^\n]*/g, "")
    .replace(/\\\n/g, " ");

/** The names of `a as b, c`, brackets and the rest of the line left out. */
const names = (list: string): string[] =>
  list
    .replace(/[()]/g, " ")
    .split(";")[0]
    ?.split(",")
    .map((name) => name.trim().split(/\s/)[0] ?? "")
    .filter((name) => name !== "") ?? [];

/**
 * The graph of files given as path and text. A folder's `__init__.py` counts where the folder itself is
 * imported.
 */
export function importGraph(files: ReadonlyMap<string, string>): ImportGraph {
  const fileOf = (module: string): string | undefined =>
    [`${module.replaceAll(".", "/")}.py`, `${module.replaceAll(".", "/")}/__init__.py`].find((path) =>
      files.has(path),
    );
  const imported = (path: string, source: string): string[] => {
    const found = new Set<string>();
    const add = (module: string): void => {
      const file = fileOf(module);
      if (file !== undefined && file !== path) found.add(file);
    };
    for (const { groups = {} } of withoutTexts(source).matchAll(statement)) {
      for (const module of names(groups.modules ?? "")) add(module);
      if (groups.from === undefined) continue;
      const base = absolute(path, groups.from);
      const members = names(groups.names ?? "");
      const modules = members.filter((name) => fileOf(`${base}.${name}`) !== undefined);
      for (const name of modules) add(`${base}.${name}`);
      if (modules.length < members.length) add(base);
    }
    return [...found].sort();
  };
  return new Map([...files].map(([path, source]) => [path, imported(path, source)]));
}

/** `from ..lake import x` says how far up it begins. */
function absolute(path: string, module: string): string {
  const dots = /^\.*/.exec(module)?.[0].length ?? 0;
  if (dots === 0) return module;
  const folder = join(dirname(path), ...Array<string>(dots - 1).fill("..")).replaceAll("/", ".");
  const rest = module.slice(dots);
  return rest === "" ? folder : `${folder}.${rest}`;
}
