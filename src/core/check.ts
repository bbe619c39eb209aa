import { setTimeout as sleep } from "node:timers/promises";
import type { CheckEntry } from "./files.ts";
import { describe } from "./mask.ts";
import type { Probe } from "./probe.ts";

/** What one run of a check found. */
export interface CheckResult {
  /** ISO 8601, UTC: when the run ended. */
  readonly at: string;
  readonly ok: boolean;
  readonly ms: number;
  readonly message?: string;
  /** It failed, and its service may still be starting. */
  readonly starting?: true;
}

export interface CheckOptions {
  readonly entry: CheckEntry;
  readonly probe: Probe;
  /** Makes a message fit to be shown. */
  readonly mask: (text: string) => string;
  readonly onResult?: (check: Check, result: CheckResult) => void;
  /** Aborts when the core stops. */
  readonly stop: AbortSignal;
}

/** How many results are kept. */
export const historyLength = 60;
/** Seconds between two runs until the first that passes: `up` waits for it. */
const firstRetrySeconds = 1;
/** Most seconds between two runs of a check that fails. */
const failedRetrySeconds = 5;
/**
 * A run that ignores its signal is written off after this many of its timeouts, so that the check goes on.
 */
const writeOffTimeouts = 3;
const late = Symbol("late");

/**
 * One functional check: runs on its schedule and on demand, never twice at once, and remembers what it found.
 */
export class Check {
  readonly entry: CheckEntry;
  readonly history: CheckResult[] = [];
  readonly #options: CheckOptions;
  readonly #begun = performance.now();
  #running: Promise<CheckResult> | undefined;
  /** A run whose time was over and that has not come back yet. */
  #overdue: { readonly since: number } | undefined;
  #passedOnce = false;
  #wake: AbortController | undefined;

  constructor(options: CheckOptions) {
    this.entry = options.entry;
    this.#options = options;
  }

  get last(): CheckResult | undefined {
    return this.history.at(-1);
  }

  /**
   * Whether a failure means no more than that the service starts: it has never passed, and its time is not
   * over.
   */
  get starting(): boolean {
    const { startSeconds = 0 } = this.entry;
    return !this.#passedOnce && performance.now() - this.#begun < startSeconds * 1000;
  }

  /** Runs it now, or joins the run that is under way. Never rejects. */
  run(): Promise<CheckResult> {
    this.#running ??= this.#once().finally(() => {
      this.#running = undefined;
      // A run on demand counts: the next scheduled one is timed from here.
      this.#wake?.abort();
    });
    return this.#running;
  }

  /** Runs at once and then on schedule until the core stops. */
  async loop(): Promise<void> {
    const { stop } = this.#options;
    let due = true;
    while (!stop.aborted) {
      if (due) await this.run();
      this.#wake = new AbortController();
      due = await sleep(this.delaySeconds() * 1000, true, {
        signal: AbortSignal.any([stop, this.#wake.signal]),
      }).catch(() => false);
    }
  }

  /**
   * Seconds until the next scheduled run, by what the last one found; spread by a tenth so that checks don't
   * march.
   */
  delaySeconds(random = Math.random()): number {
    if (!this.#passedOnce) return firstRetrySeconds;
    const { everySeconds } = this.entry;
    const delay = this.last?.ok ? everySeconds : Math.min(everySeconds, failedRetrySeconds);
    return delay * (0.9 + 0.2 * random);
  }

  async #once(): Promise<CheckResult> {
    const started = performance.now();
    const outcome = await this.#attempt();
    const message = outcome.message === undefined ? undefined : this.#options.mask(outcome.message);
    const result: CheckResult = {
      at: new Date().toISOString(),
      ok: outcome.ok,
      ms: Math.round(performance.now() - started),
      ...(message !== undefined && message !== "" && { message }),
      ...(!outcome.ok && this.starting && { starting: true }),
    };
    // What a stopping core cut short says nothing about the service.
    if (this.#options.stop.aborted) return result;
    // A start is one thing that happened, however often it was asked for.
    if (result.starting && this.last?.starting) this.history.pop();
    this.history.push(result);
    if (this.history.length > historyLength) this.history.shift();
    if (result.ok) this.#passedOnce = true;
    this.#options.onResult?.(this, result);
    return result;
  }

  async #attempt(): Promise<{ ok: boolean; message?: string | undefined }> {
    const { timeoutSeconds } = this.entry;
    if (this.#overdue) {
      const seconds = (performance.now() - this.#overdue.since) / 1000;
      if (seconds < writeOffTimeouts * timeoutSeconds) {
        return {
          ok: false,
          message: `an earlier run still has not ended, ${Math.round(seconds)} s after its time`,
        };
      }
      this.#overdue = undefined;
    }
    const timeout = new AbortController();
    const signal = AbortSignal.any([timeout.signal, this.#options.stop]);
    const over = Promise.withResolvers<typeof late>();
    const timer = setTimeout(() => {
      timeout.abort(new Error(`timed out after ${timeoutSeconds} s`));
      over.resolve(late);
    }, timeoutSeconds * 1000);
    this.#options.stop.addEventListener("abort", () => over.resolve(late), {
      once: true,
      signal: timeout.signal,
    });
    try {
      // The wrapper turns what a probe throws before its first await into a rejection as well.
      const work = (async () => this.#options.probe(signal))();
      const first = await Promise.race([work, over.promise]);
      if (first !== late) return { ok: true, message: first };
      const overdue = { since: performance.now() };
      this.#overdue = overdue;
      const back = () => {
        if (this.#overdue === overdue) this.#overdue = undefined;
      };
      work.then(back, back);
      return { ok: false, message: describe(signal.reason) };
    } catch (error) {
      return { ok: false, message: describe(timeout.signal.aborted ? timeout.signal.reason : error) };
    } finally {
      clearTimeout(timer);
      // Also takes the listener on `stop` away.
      if (!timeout.signal.aborted) timeout.abort();
    }
  }
}
