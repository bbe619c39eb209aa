import type { Line } from "./lines.ts";

/** How many lines are remembered. The two streams of a log are out of step by far fewer than half of that. */
const remembered = 512;

/** What was handed over when a piece of the log was opened. */
interface Marks {
  readonly last: ReadonlySet<string>;
  /** The line that was handed over last: in the same piece all that follow it are new. */
  readonly final: string | undefined;
  /** Lines up to here that are not among the last were handed over before them. */
  readonly edge: string;
  readonly newest: string;
  /** Between these two nothing was handed over, see HandedLines. */
  readonly before: string;
  readonly first: string;
}

/**
 * Which lines of a log were handed over already. When it is opened again, some come again; a time stamp alone
 * doesn't tell which, because the two streams are a little out of step.
 *
 * A log in several pieces may be read in the wrong order: a container that starts again at the very moment
 * that its log is opened gives the newer piece first. So it is remembered up to where lines were handed over
 * when the last piece was opened, and where that piece began: what turns up between the two later is new.
 */
export class HandedLines {
  /** Time stamps of the last lines by key, in the order they came. */
  readonly #last = new Map<string, string>();
  readonly #start: string;
  #dropped = false;
  #newest: string;
  #before: string;
  #first = "";
  #inLast = false;
  #marks: Marks | undefined;

  /** Everything up to this time stamp is stored. */
  constructor(before: string) {
    this.#start = before;
    this.#newest = before;
    this.#before = before;
  }

  /**
   * The oldest line that is remembered, or where something may be missing: from a little before it the log
   * must be read.
   */
  get from(): string {
    let oldest = this.#newest;
    for (const at of this.#last.values()) if (at < oldest) oldest = at;
    return this.#first > this.#before && this.#before < oldest ? this.#before : oldest;
  }

  /** A piece of the log is opened. */
  open(): void {
    this.#inLast = false;
    const stamps = [...this.#last.values()];
    // As long as none was dropped, all of them are known.
    const older = this.#dropped ? stamps.slice(0, remembered / 2) : [];
    this.#marks = {
      last: new Set(this.#last.keys()),
      final: [...this.#last.keys()].at(-1),
      edge: [...older, this.#start].sort().at(-1) ?? "",
      newest: this.#newest,
      before: this.#before,
      first: this.#first,
    };
  }

  /** It is the last piece: the one that goes on. */
  openLast(): void {
    this.open();
    this.#inLast = true;
    this.#before = this.#newest;
    this.#first = "";
  }

  /** What was opened last was the last piece indeed: nothing can turn up before it. */
  confirm(): void {
    this.#inLast = false;
    this.#first = "";
  }

  /** Everything up to this time stamp is stored. */
  storedUpTo(at: string): void {
    if (at > this.#before) this.#before = at;
  }

  /** Takes note of a line; says whether it comes for the first time. */
  take({ at, stream }: Line): boolean {
    if (this.#inLast && (this.#first === "" || at < this.#first)) this.#first = at;
    const key = stream === "stderr" ? `${at}e` : at;
    const marks = this.#marks;
    if (marks) {
      if (at > marks.newest) this.#marks = undefined;
      else if (marks.last.has(key)) {
        if (key === marks.final) this.#marks = undefined;
        return false;
      } else if (at <= marks.edge) {
        if (at <= marks.before || at >= marks.first) return false;
        // Not remembered: it is older than what comes next.
        this.#before = at;
        return true;
      }
    }
    this.#last.set(key, at);
    if (this.#last.size > remembered) {
      this.#last.delete(this.#last.keys().next().value as string);
      this.#dropped = true;
    }
    if (at > this.#newest) this.#newest = at;
    return true;
  }
}
