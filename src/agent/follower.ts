import { stripVTControlCharacters } from "node:util";
import type { Batches, Sender } from "./batches.ts";
import type { Container } from "./containers.ts";
import { fieldsOf } from "./fields.ts";
import { type Level, levelOf } from "./level.ts";
import { type Line, nanoseconds, timeStamp } from "./lines.ts";
import { HandedLines } from "./log-dedup.ts";
import { type ContainerSource, LogGone, type LogPiece } from "./source.ts";
import type { KnownLines, LogStore } from "./store.ts";

/**
 * What the store has not saved for good within this time, a kill may take from it. Its own interval is 5 s.
 */
const savedMs = 12_000;
/** How far before the newest stored line a new agent looks for what is missing. */
const lookBack = 15_000_000_000n;

/** How much older than those before it a line may be, where the two streams are in one log. */
const outOfStep = 1_000_000_000n;

/** How far a container's log is stored. It outlives a follower: after trouble a new one goes on from here. */
export class Position implements Sender {
  /** Stored for good up to here; undefined: the store must be asked. */
  #saved: bigint | undefined;
  readonly #recent: { readonly at: bigint; readonly when: number }[] = [];

  stored(at: string): void {
    this.#recent.push({ at: nanoseconds(at), when: performance.now() });
    this.#settle();
  }

  /** Where to go on, and which of the lines from there on are stored. */
  async resume(store: LogStore, container: string, signal: AbortSignal): Promise<Start> {
    this.#settle();
    this.#recent.length = 0;
    let isNew = false;
    if (this.#saved === undefined) {
      const newest = await store.newest(container, signal);
      isNew = newest === undefined;
      this.#saved = newest === undefined ? 0n : newest - lookBack;
    }
    return {
      from: this.#saved,
      known: isNew ? undefined : await store.known(container, this.#saved, signal),
    };
  }

  #settle(): void {
    const safe = performance.now() - savedMs;
    while (this.#recent.length > 0 && (this.#recent[0]?.when ?? 0) < safe) {
      const { at } = this.#recent.shift() as { at: bigint };
      if (this.#saved === undefined || at > this.#saved) this.#saved = at;
    }
  }
}

export interface Start {
  readonly from: bigint;
  readonly known: KnownLines | undefined;
}

export interface FollowerOptions {
  readonly source: ContainerSource;
  readonly batches: Batches;
  readonly container: Container;
  readonly position: Position;
  readonly start: Start;
}

/** Reads the log of one container and hands over its lines, until it is gone or the signal aborts. */
export class Follower {
  readonly #options: FollowerOptions;
  readonly #levels: Record<Line["stream"], Level | undefined> = { stdout: undefined, stderr: undefined };
  readonly #handed: HandedLines;
  #known: KnownLines | undefined;
  #wake = Promise.withResolvers<void>();

  constructor(options: FollowerOptions) {
    const { from, known } = options.start;
    this.#options = options;
    this.#known = known;
    this.#handed = new HandedLines(from > 0n ? timeStamp(from - 1n) : "");
  }

  /** The container runs again, or is gone. */
  wake(): void {
    this.#wake.resolve();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { containers } = this.#options.source;
    const { id } = this.#options.container;
    while (!signal.aborted) {
      this.#wake = Promise.withResolvers<void>();
      const ran = containers.get(id)?.running === true;
      let whole = true;
      try {
        await this.#readAll(signal);
      } catch (error) {
        if (signal.aborted || error instanceof LogGone) return;
        whole = false;
      }
      if (signal.aborted || !containers.has(id)) return;
      // The log ends when the container stops. It may start again; and who tells it may only have hiccupped.
      const runs = ran || containers.get(id)?.running === true;
      const timer = setTimeout(() => this.#wake.resolve(), runs ? 1_000 : whole ? 600_000 : 60_000);
      const stop = () => this.#wake.resolve();
      signal.addEventListener("abort", stop, { once: true });
      await this.#wake.promise;
      signal.removeEventListener("abort", stop);
      clearTimeout(timer);
    }
  }

  async #readAll(signal: AbortSignal): Promise<void> {
    const { source, container } = this.#options;
    const now = source.containers.get(container.id) ?? container;
    const { from } = this.#handed;
    const pieces = source.log(now);
    for (const piece of pieces.slice(0, -1)) {
      this.#handed.open();
      await this.#read(piece, from, signal);
    }
    const last = pieces.at(-1);
    if (!last) return;
    this.#handed.openLast();
    await this.#read(last, from, signal, now);
  }

  /**
   * Reads one piece; the last one is that of a container which started as `opened` says, as far as one knows.
   */
  async #read(piece: LogPiece, from: string, signal: AbortSignal, opened?: Container): Promise<void> {
    const { source, batches } = this.#options;
    const since = performance.now() + source.lagMs;
    let unsure = opened !== undefined;
    const settle = () => {
      if (!opened || !unsure || performance.now() < since) return;
      const instance = source.containers.get(opened.id)?.instance;
      if (instance === opened.instance) this.#handed.confirm();
      unsure = false;
    };
    const start = from === "" ? 0n : nanoseconds(from) - outOfStep;
    for await (const lines of piece(start, signal)) {
      for (const line of lines) this.#take(line);
      settle();
      await batches.room(signal);
    }
    settle();
  }

  /** Whether a line is neither stored nor handed over already. */
  #isNew(line: Line): boolean {
    const { at, stream } = line;
    if (!this.#handed.take(line)) return false;
    if (!this.#known) return true;
    if (this.#known.has(at, stream)) return false;
    if (this.#known.endsBefore(at)) {
      this.#handed.storedUpTo(this.#known.newest);
      this.#known = undefined;
    }
    return true;
  }

  #take(line: Line): void {
    const { batches, container, position } = this.#options;
    const before = this.#levels[line.stream];
    const text = line.text.includes("\u001b") ? stripVTControlCharacters(line.text) : line.text;
    const level = levelOf(text, before);
    this.#levels[line.stream] = level;
    if (!this.#isNew(line)) return;
    const record = {
      ...fieldsOf(text),
      _time: line.at,
      _msg: text === "" ? " " : text,
      service: container.service,
      workload: container.workload,
      container: container.name,
      stream: line.stream,
      level,
    };
    batches.add(position, line.at, `${JSON.stringify(record)}\n`);
  }
}
