/**
 * What Python files import of each other, read from their text: at the top, in a function, for types only.
 */
import { dirname, join } from "node:path";

/**
 * A file, by its path below the folder that Python searches, and those of the same folder that it imports.
 */
export type ImportGraph = ReadonlyMap<string, readonly string[]>;

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

/** The circles of a graph, each once, as `a.py -> b.py -> a.py`. */
export function circles(graph: ImportGraph): string[] {
  const found = new Set<string>();
  const done = new Set<string>();
  const visit = (path: string, way: readonly string[]): void => {
    const at = way.indexOf(path);
    if (at >= 0) {
      const circle = way.slice(at);
      const first = circle.indexOf([...circle].sort()[0] ?? "");
      const turned = [...circle.slice(first), ...circle.slice(0, first)];
      found.add([...turned, turned[0]].join(" -> "));
      return;
    }
    if (done.has(path)) return;
    for (const target of graph.get(path) ?? []) visit(target, [...way, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  return [...found].sort();
}
