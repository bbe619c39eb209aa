import { nearest } from "../nearest.ts";

/** What a message about an unknown name ends with: the name that was probably meant, or all there are. */
export function suggest(name: string, candidates: readonly string[]): string {
  const near = nearest(name, candidates);
  if (near !== undefined) return `Did you mean ${near}?`;
  return candidates.length > 0 ? `There are: ${candidates.join(", ")}.` : "There are none.";
}
