/** Which files import which, and the circles among them. */

/** A file by its path, and the files that it imports; what is no file of the graph counts for nothing. */
export type ImportGraph = ReadonlyMap<string, readonly string[]>;

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
