export interface AlertRule {
  /** CamelCase, unique in the stack. */
  readonly name: string;
  /** PromQL. */
  readonly expr: string;
  /** How long it must hold, such as "1m". */
  readonly for: string;
  readonly severity: "critical" | "warning" | "info";
  readonly summary: string;
  readonly description?: string;
}
