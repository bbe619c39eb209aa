import { z } from "zod";
import { parseBody } from "./body.ts";

const told = z.strictObject({ at: z.iso.datetime() });

/**
 * When the last backup began that was read back whole, as the command line says. Prometheus remembers it
 * beyond a restart.
 */
export class LastBackup {
  #at: number | null = null;

  /** Unix time in ms; null: the core was not told of any since it started. */
  get at(): number | null {
    return this.#at;
  }

  /**
   * Takes `{"at": ISO 8601}`; an earlier one than is known changes nothing. Returns undefined, or what is
   * wrong with it.
   */
  receive(body: string): string | undefined {
    const parsed = parseBody(told, body, () => 'Expected {"at": "a time by ISO 8601, UTC"}.');
    if ("wrong" in parsed) return parsed.wrong;
    this.#at = Math.max(this.#at ?? 0, Date.parse(parsed.value.at));
    return undefined;
  }
}
