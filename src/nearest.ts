import { distance } from "fastest-levenshtein";

/** The candidate that was probably meant, or undefined when none is near. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const [a, b] = [word.toLowerCase(), candidate.toLowerCase()];
    const d = distance(a, b);
    // Two letters make another word of a short one, unless they have only changed places.
    const longest = Math.max(a.length, b.length);
    const maxDistance = longest < 6 && !sameLetters(a, b) ? 1 : Math.max(2, Math.floor(a.length / 3));
    if (d <= maxDistance && d < bestDistance && d < longest) [best, bestDistance] = [candidate, d];
  }
  return best;
}

const sameLetters = (a: string, b: string): boolean => [...a].sort().join() === [...b].sort().join();

/** `{ fix: "Did you mean x?" }`, or nothing. */
export function didYouMean(word: string, candidates: Iterable<string>): { fix?: string } {
  const near = nearest(word, candidates);
  return near === undefined ? {} : { fix: `Did you mean ${near}?` };
}
