/** How a part makes way for its next version, and how it gets ready to stop. */

/** As Compose and Swarm call it: whether the next runs before the old one ends. */
export type UpdateOrder = "start-first" | "stop-first";

export interface Drain {
  readonly command: readonly string[];
  /** How long it may take; the stop goes on after it. */
  readonly within: string;
}

/**
 * How what a part holds is saved while it runs, and brought back: one program in it, which is called with one of these words.
 * `list` prints the names of what can be saved, one a line. `save NAME` writes one to its output. `load NAME` reads that into a
 * copy beside what serves; `digest NAME` and `digest-saved` (of its input) print the same when the copy holds it all. `swap` puts
 * every loaded copy in its place at once; `discard` removes what has been replaced, and copies that nobody put anywhere.
 */
export interface Dump {
  readonly command: readonly string[];
}

/** `containers`: sees the stack's containers, their figures and logs: Docker's API on a Docker host, a role in a cluster. */
export type HostAccess = "containers";
