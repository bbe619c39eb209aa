import { setTimeout as sleep } from "node:timers/promises";
import type { Sample } from "../model/service.ts";
import type { CollectorEntry } from "./files.ts";
import { describe } from "./mask.ts";

/** One run of a collector. */
export type Measure = (signal: AbortSignal) => Promise<readonly Sample[]>;

export interface CollectorOptions {
  readonly entry: CollectorEntry;
  readonly measure: Measure;
  readonly log: (line: string) => void;
  /** Aborts when the core stops. */
  readonly stop: AbortSignal;
}

/**
 * Most samples that one run may give: a label with too many values must not fill the core's memory, nor
 * Prometheus'.
 */
export const maxSamples = 2_000;
/** Seconds between two runs while they fail. */
const retrySeconds = 5;
/**
 * What was measured is shown for this many intervals after the last run that worked: older figures mislead.
 */
const keptIntervals = 5;
const namePattern = /^datalab_[a-z][a-z0-9_]*$/;
const labelPattern = /^[a-z][a-z0-9_]*$/;

/** Takes one service's measurements on a schedule, never twice at once. */
export class Collector {
  readonly entry: CollectorEntry;
  readonly #options: CollectorOptions;
  #samples: readonly Sample[] = [];
  #passedAt: number | undefined;
  #ok: boolean | undefined;
  ranAt = Date.now();
  seconds = 0;

  constructor(options: CollectorOptions) {
    this.entry = options.entry;
    this.#options = options;
  }

  get ok(): boolean {
    return this.#ok ?? false;
  }

  /** What the last run measured, while that is fresh. */
  samples(now = Date.now()): readonly Sample[] {
    if (this.#passedAt === undefined) return [];
    const age = (now - this.#passedAt) / 1000;
    return age <= keptIntervals * this.entry.everySeconds ? this.#samples : [];
  }

  /** Runs at once and then on schedule until the core stops. */
  async loop(): Promise<void> {
    const { stop } = this.#options;
    while (!stop.aborted) {
      await this.run();
      const { everySeconds } = this.entry;
      const delay = this.ok ? everySeconds : Math.min(everySeconds, retrySeconds);
      // Spread by a tenth, so that collectors don't march.
      await sleep(delay * (950 + 100 * Math.random()), undefined, { signal: stop }).catch(() => {});
    }
  }

  /** One run. Never rejects. */
  async run(): Promise<void> {
    const { entry, log, stop } = this.#options;
    const began = performance.now();
    const outcome = await this.#attempt().catch((error: unknown) => describe(error));
    if (stop.aborted) return;
    this.ranAt = Date.now();
    this.seconds = (performance.now() - began) / 1000;
    const ok = typeof outcome !== "string";
    if (typeof outcome !== "string") {
      this.#samples = outcome;
      this.#passedAt = this.ranAt;
    }
    if (ok !== this.#ok) {
      const what = `collector ${entry.name} of ${entry.service}`;
      log(ok ? `${what}: ${outcome.length} values` : `${what} fails: ${outcome}`);
    }
    this.#ok = ok;
  }

  async #attempt(): Promise<readonly Sample[]> {
    const { entry, measure, stop } = this.#options;
    const limit = new AbortController();
    const signal = AbortSignal.any([limit.signal, stop]);
    const reason = () => new Error(`timed out after ${entry.timeoutSeconds} s`);
    const timer = setTimeout(() => limit.abort(reason()), entry.timeoutSeconds * 1000);
    try {
      const over = new Promise<never>((_, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      });
      // The wrapper turns what is thrown before the first await into a rejection as well.
      const samples = await Promise.race([(async () => measure(signal))(), over]);
      return checked(samples);
    } finally {
      clearTimeout(timer);
    }
  }
}

function checked(samples: readonly Sample[]): readonly Sample[] {
  if (samples.length > maxSamples) {
    throw new Error(`measured ${samples.length} values, at most ${maxSamples} are kept`);
  }
  for (const { name, labels, value } of samples) {
    if (!namePattern.test(name)) throw new Error(`a metric can't be called ${JSON.stringify(name)}`);
    const wrong = Object.keys(labels).find((label) => !labelPattern.test(label));
    if (wrong !== undefined) throw new Error(`${name}: a label can't be called ${JSON.stringify(wrong)}`);
    if (Number.isNaN(value)) throw new Error(`${name} is not a number`);
  }
  return samples;
}

/**
 * Samples of all collectors in Prometheus' text format. A sample that names no service is of its collector's.
 */
export function exposition(collectors: readonly Collector[]): string {
  const families = new Map<string, string[]>();
  const add = (name: string, help: string, labels: Readonly<Record<string, string>>, value: number) => {
    let lines = families.get(name);
    if (!lines) {
      lines = [`# HELP ${name} ${escapeHelp(help)}`, `# TYPE ${name} gauge`];
      families.set(name, lines);
    }
    lines.push(`${name}{${Object.entries(labels).map(labelText).join(",")}} ${value}`);
  };
  for (const collector of collectors) {
    const { service, name: own, everySeconds } = collector.entry;
    const labels = { service, collector: own };
    add("datalab_collector_ok", "1 when the last run of the collector worked.", labels, collector.ok ? 1 : 0);
    add("datalab_collector_duration_seconds", "How long its last run took.", labels, collector.seconds);
    add(
      "datalab_collector_last_run_timestamp_seconds",
      "When its last run ended.",
      labels,
      collector.ranAt / 1000,
    );
    add("datalab_collector_interval_seconds", "How often it runs.", labels, everySeconds);
    const samples = collector.samples();
    add("datalab_collector_samples", "How many values it has measured.", labels, samples.length);
    for (const { name, help, labels: given, value } of samples) add(name, help, { service, ...given }, value);
  }
  return [...families.values()].map((lines) => `${lines.join("\n")}\n`).join("");
}

const labelText = ([name, value]: readonly [string, string]): string =>
  `${name}="${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`;
const escapeHelp = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
