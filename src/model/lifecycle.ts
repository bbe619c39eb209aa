/** How a part is updated, and how it prepares for a stop. */

/** The term of Compose and Swarm: whether the new version starts before the old one ends. */
export type UpdateOrder = "start-first" | "stop-first";

export interface Drain {
  readonly command: readonly string[];
  /** Maximum time; then the part is stopped anyway. */
  readonly within: string;
}

/**
 * How a part's data is saved and restored while it runs: one program in it, called with one of these
 * arguments. `list` prints the names of what can be saved, one per line. `save NAME` writes one to its
 * output. `load NAME` reads it into a copy beside the live data; `digest NAME` and `digest-saved` (of its
 * input) print the same if the copy is complete. `swap` replaces the live data with every loaded copy;
 * `discard` removes replaced data and unused copies.
 */
export interface Dump {
  readonly command: readonly string[];
}

/**
 * `containers`: sees the stack's containers, their figures and logs: Docker's API on a Docker host, a role in
 * a cluster.
 */
export type HostAccess = "containers";
