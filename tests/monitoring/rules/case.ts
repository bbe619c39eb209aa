/**
 * One alert rule, told as a story: what is measured every 15 s, and when the alert must and must not be
 * there.
 */
export interface RuleCase {
  readonly alert: string;
  /** What tells it from another case of the same alert. */
  readonly when?: string;
  /**
   * Series with their values, in promtool's notation; one value every 15 s from 0 on. `1x20` are 21 values.
   */
  readonly series: Readonly<Record<string, string>>;
  /** A step before it fires: it must not be there yet. null: it always fires. */
  readonly notYet: string | null;
  readonly fires: string;
  /** When it must have ended. null: it always fires. */
  readonly ended: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly summary: string;
  readonly description?: string;
  /** Values just on the good side of the threshold: at no time may it fire. */
  readonly quiet: readonly { readonly series: Readonly<Record<string, string>>; readonly at: string }[];
}
