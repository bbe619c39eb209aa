/** A directed graph: name -> the names it needs. */
export type Graph = ReadonlyMap<string, readonly string[]>;

export type Order =
  | { readonly ok: true; readonly order: readonly string[] }
  /** The first and last name are the same. */
  | { readonly ok: false; readonly cycle: readonly string[] };

/** Dependencies first; independent names keep the graph's order. */
export function startOrder(graph: Graph): Order {
  const order: string[] = [];
  const done = new Set<string>();
  const path: string[] = [];

  const visit = (name: string): readonly string[] | undefined => {
    if (done.has(name)) return undefined;
    const seen = path.indexOf(name);
    if (seen >= 0) return [...path.slice(seen), name];
    path.push(name);
    for (const needed of graph.get(name) ?? []) {
      const cycle = visit(needed);
      if (cycle) return cycle;
    }
    path.pop();
    done.add(name);
    if (graph.has(name)) order.push(name);
    return undefined;
  };

  for (const name of graph.keys()) {
    const cycle = visit(name);
    if (cycle) return { ok: false, cycle };
  }
  return { ok: true, order };
}
