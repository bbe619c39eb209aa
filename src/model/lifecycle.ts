/** How a part makes way for its next version, and how it gets ready to stop. */

/** As Compose and Swarm call it: whether the next runs before the old one ends. */
export type UpdateOrder = "start-first" | "stop-first";

export interface Drain {
  readonly command: readonly string[];
  /** How long it may take; the stop goes on after it. */
  readonly within: string;
}
