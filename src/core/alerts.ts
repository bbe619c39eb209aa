import { z } from "zod";
import { heartbeat } from "../monitoring/rules.ts";
import { parseBody } from "./body.ts";

/** An alert as people are shown it. */
export interface AlertEntry {
  readonly event: "alert";
  readonly status: "firing" | "resolved";
  readonly alert: string;
  readonly service: string;
  readonly severity: string;
  readonly summary: string;
  readonly description?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly startsAt: string;
  /** null: it goes on. */
  readonly endsAt: string | null;
  /** When the core was told. */
  readonly at: string;
}

/** Answer of `GET /alerts`. */
export interface AlertsReport {
  /** What fires now, the longest first. */
  readonly active: readonly AlertEntry[];
  /** The last changes, newest first. */
  readonly recent: readonly AlertEntry[];
  /** When the alert that always fires arrived last; null: not since the core started. */
  readonly heartbeat: string | null;
}

const texts = z.record(z.string(), z.string());
/** What Alertmanager posts to a webhook, as far as it is used. */
const notification = z.object({
  version: z.string(),
  alerts: z
    .array(
      z.object({
        status: z.enum(["firing", "resolved"]),
        labels: texts,
        annotations: texts.default({}),
        startsAt: z.iso.datetime({ offset: true }),
        endsAt: z.string(),
        fingerprint: z.string(),
      }),
    )
    .max(1_000),
});

/** How many changes are kept; all of them stand in the log. */
export const keptChanges = 200;
/** Most alerts that are held as active. */
const maxActive = 1_000;
/** An active alert is told again every minute; one that is not has ended while nobody could say so. */
const forgottenAfterMs = 10 * 60_000;

/** Receives alerts from Alertmanager: logs every change as one line of JSON, and remembers what is active. */
export class AlertLog {
  readonly #write: (line: string) => void;
  readonly #active = new Map<string, { entry: AlertEntry; toldAt: number }>();
  readonly #recent: AlertEntry[] = [];
  /** Resolved alerts that have been logged: Alertmanager tells each at least once, not exactly once. */
  readonly #ended = new Set<string>();
  #heartbeat: number | null = null;

  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  get heartbeat(): number | null {
    return this.#heartbeat;
  }
  get active(): readonly AlertEntry[] {
    return [...this.#active.values()].map(({ entry }) => entry);
  }

  /** Takes one notification. Returns undefined, or what is wrong with it. */
  receive(body: string, now = Date.now()): string | undefined {
    const parsed = parseBody(
      notification,
      body,
      (issue) =>
        `Not a notification of Alertmanager: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}`,
    );
    if ("wrong" in parsed) return parsed.wrong;
    for (const alert of parsed.value.alerts) this.#take(alert, now);
    return undefined;
  }

  #take(alert: z.output<typeof notification>["alerts"][number], now: number): void {
    const { labels, annotations, startsAt, fingerprint, status } = alert;
    const { alertname: name = "unnamed", service = "platform", severity = "warning" } = labels;
    if (name === heartbeat) {
      if (status === "firing") this.#heartbeat = now;
      return;
    }
    const known = this.#active.get(fingerprint);
    const entry: AlertEntry = {
      event: "alert",
      status,
      alert: name,
      service,
      severity,
      summary: annotations.summary ?? "",
      ...(annotations.description !== undefined && { description: annotations.description }),
      labels,
      startsAt,
      endsAt: status === "resolved" ? alert.endsAt : null,
      at: new Date(now).toISOString(),
    };
    if (status === "firing") {
      if (!known && this.#active.size >= maxActive) return;
      const changed = known?.entry.startsAt !== startsAt;
      this.#active.set(fingerprint, {
        entry: changed ? entry : { ...entry, at: known.entry.at },
        toldAt: now,
      });
      if (changed) this.#note(entry);
      return;
    }
    const key = `${fingerprint} ${startsAt}`;
    if (this.#ended.has(key)) return;
    this.#ended.add(key);
    if (this.#ended.size > keptChanges) this.#ended.delete(this.#ended.values().next().value as string);
    this.#active.delete(fingerprint);
    this.#note(entry);
  }

  /** Ends what Alertmanager has not told again. */
  #forget(now: number): void {
    for (const [fingerprint, { entry, toldAt }] of this.#active) {
      if (now - toldAt < forgottenAfterMs) continue;
      this.#active.delete(fingerprint);
      const at = new Date(now).toISOString();
      this.#note({ ...entry, status: "resolved", endsAt: at, at });
    }
  }

  #note(entry: AlertEntry): void {
    this.#write(JSON.stringify(entry));
    this.#recent.push(entry);
    if (this.#recent.length > keptChanges) this.#recent.shift();
  }

  report(now = Date.now()): AlertsReport {
    this.#forget(now);
    return {
      active: this.active.toSorted((a, b) => (a.startsAt < b.startsAt ? -1 : 1)),
      recent: this.#recent.toReversed(),
      heartbeat: this.#heartbeat === null ? null : new Date(this.#heartbeat).toISOString(),
    };
  }
}
