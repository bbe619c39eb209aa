import { stripVTControlCharacters } from "node:util";
import type { Batches, Sender } from "./batches.ts";
import type { Container } from "./containers.ts";
import { type DockerApi, DockerError } from "./docker.ts";
import { fieldsOf } from "./fields.ts";
import { type Level, levelOf } from "./level.ts";
import { Demultiplexer, type Line, nanoseconds, sinceParameter } from "./lines.ts";
import type { KnownLines, LogStore } from "./store.ts";

/** What the store has not saved for good within this time, a kill may take from it. Its own interval is 5 s. */
const savedMs = 12_000;
/** How far before the newest stored line a new agent looks for what is missing. */
const lookBack = 15_000_000_000n;

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
  readonly docker: DockerApi;
  readonly batches: Batches;
  readonly container: Container;
  readonly position: Position;
  readonly start: Start;
  /** Whether the container is still there. */
  readonly exists: () => boolean;
  readonly isRunning: () => boolean;
}

/** Reads the log of one container and hands over its lines, until it is gone or the signal aborts. */
export class Follower {
  readonly #options: FollowerOptions;
  readonly #last: Record<Line["stream"], string> = { stdout: "", stderr: "" };
  readonly #levels: Record<Line["stream"], Level | undefined> = { stdout: undefined, stderr: undefined };
  /** Time stamps of the lines that were handed over last, where the stream was opened again. */
  #handed: Record<Line["stream"], string> = { stdout: "", stderr: "" };
  #known: KnownLines | undefined;
  #wake = Promise.withResolvers<void>();

  constructor(options: FollowerOptions) {
    this.#options = options;
    this.#known = options.start.known;
  }

  /** The container runs again, or is gone. */
  wake(): void {
    this.#wake.resolve();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { start, exists, isRunning } = this.#options;
    let from = start.from;
    while (!signal.aborted) {
      this.#wake = Promise.withResolvers<void>();
      try {
        await this.#read(from, signal);
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof DockerError && error.status === 404) return;
      }
      if (signal.aborted || !exists()) return;
      // Docker ends the stream when the container stops. It may start again; and a daemon may only have hiccupped.
      const timer = setTimeout(() => this.#wake.resolve(), isRunning() ? 1_000 : 60_000);
      const stop = () => this.#wake.resolve();
      signal.addEventListener("abort", stop, { once: true });
      await this.#wake.promise;
      signal.removeEventListener("abort", stop);
      clearTimeout(timer);
      const read = [this.#last.stdout, this.#last.stderr].filter((at) => at !== "").map(nanoseconds);
      from = read[0] ?? from;
      for (const at of read) if (at < from) from = at;
      this.#handed = { ...this.#last };
    }
  }

  /** Whether a line is neither stored nor handed over already. */
  #isNew({ at, stream }: Line): boolean {
    const handed = this.#handed[stream];
    if (handed !== "") {
      if (at <= handed) return false;
      // From here on all are new, even when the host's clock is set back later.
      this.#handed[stream] = "";
    }
    if (!this.#known) return true;
    if (this.#known.has(at, stream)) return false;
    if (this.#known.endsBefore(at)) this.#known = undefined;
    return true;
  }

  async #read(from: bigint, signal: AbortSignal): Promise<void> {
    const { docker, batches, container } = this.#options;
    const since = from > 0n ? `&since=${sinceParameter(from)}` : "";
    const path = `/containers/${container.id}/logs?follow=true&stdout=true&stderr=true&timestamps=true${since}`;
    const answer = await docker.stream(path, signal);
    const demultiplexer = new Demultiplexer();
    for await (const chunk of answer) {
      this.#take(demultiplexer.take(chunk as Buffer));
      await batches.room(signal);
    }
    this.#take(demultiplexer.end());
  }

  #take(lines: readonly Line[]): void {
    const { batches, container, position } = this.#options;
    for (const line of lines) {
      const before = this.#levels[line.stream];
      const text = line.text.includes("\u001b") ? stripVTControlCharacters(line.text) : line.text;
      const level = levelOf(text, before);
      this.#levels[line.stream] = level;
      const skip = !this.#isNew(line);
      this.#last[line.stream] = line.at;
      if (skip) continue;
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
}
