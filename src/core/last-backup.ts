import { z } from "zod";

const told = z.strictObject({ at: z.iso.datetime() });

/** When the last backup began that was read back whole, as the command line says. Prometheus remembers it beyond a restart. */
export class LastBackup {
  #at: number | null = null;

  /** Unix time in ms; null: the core was not told of any since it started. */
  get at(): number | null {
    return this.#at;
  }

  /** Takes `{"at": ISO 8601}`; an earlier one than is known changes nothing. Returns undefined, or what is wrong with it. */
  receive(body: string): string | undefined {
    let value: unknown;
    try {
      value = JSON.parse(body);
    } catch {
      return "The body is not JSON.";
    }
    const parsed = told.safeParse(value);
    if (!parsed.success) return 'Expected {"at": "a time by ISO 8601, UTC"}.';
    this.#at = Math.max(this.#at ?? 0, Date.parse(parsed.data.at));
    return undefined;
  }
}
