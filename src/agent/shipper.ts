import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Batches, type ShippingCounts } from "./batches.ts";
import type { LogStoreConfig } from "./config.ts";
import type { Container } from "./containers.ts";
import { Follower, Position } from "./follower.ts";
import type { ContainerSource } from "./source.ts";
import { LogStore } from "./store.ts";

/** How long a line may take from a container to the store. */
const tripMs = 15_000;

export interface ShippingState extends ShippingCounts {
  /** Whether lines can be stored right now. */
  up: boolean;
  failures: number;
  /** How often it has asked the store what it has and gone on from there. */
  resumed: number;
}

/**
 * Ships the logs of all containers to the log store. There is one way to recover from everything (the agent
 * starts, the store fails or starts again): stop reading, wait until the store answers, ask it which of the
 * last lines it has, and go on with those that it has not. What runs the containers keeps the lines
 * meanwhile, so nothing piles up here.
 */
export class Shipper {
  readonly state: ShippingState = { lines: 0, bytes: 0, lastAt: "", up: false, failures: 0, resumed: 0 };
  readonly #source: ContainerSource;
  readonly #store: LogStore;
  readonly #log: (line: string) => void;
  readonly #positions = new Map<string, Position>();
  readonly #followers = new Map<string, Follower>();
  #epoch: Epoch | undefined;
  #tripping: Promise<string> | undefined;

  constructor(source: ContainerSource, config: LogStoreConfig, log: (line: string) => void) {
    this.#source = source;
    this.#store = new LogStore(config);
    this.#log = log;
    source.containers.listen({
      onRun: (container) => {
        if (!this.#epoch) return;
        if (container.workload === config.workload) void this.#checkStore(this.#epoch);
        this.#follow(container, this.#epoch);
      },
      onGone: (id) => {
        this.#followers.get(id)?.wake();
        this.#positions.delete(id);
      },
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      let told = false;
      await this.#store.ready(signal, (reason) => {
        if (!told)
          this.#log(
            `the log store does not answer (${reason}); container logs stay in ${this.#source.name} until it does`,
          );
        told = true;
      });
      const process = await this.#store.process(signal).catch(() => undefined);
      if (signal.aborted) return;
      if (told) this.#log("the log store answers");
      const stop = new AbortController();
      const lost = new AbortController();
      const both = AbortSignal.any([signal, stop.signal]);
      const epoch: Epoch = {
        signal: both,
        batches: new Batches(this.#store, this.state),
        process,
        stop: () => stop.abort(),
        end: () => {
          lost.abort();
          stop.abort();
        },
        running: new Set(),
        followed: new Set(),
        turn: Promise.resolve(),
      };
      this.#epoch = epoch;
      this.state.up = true;
      this.state.resumed++;
      for (const container of this.#source.containers.all) this.#follow(container, epoch);
      await epoch.batches.run(both, lost.signal).catch((error: Error) => this.#fail(error, both));
      this.state.up = false;
      this.#epoch = undefined;
      stop.abort();
      await Promise.all(epoch.running);
      this.#followers.clear();
    }
  }

  /**
   * Writes a line to the agent's own log and looks for it in the store; throws when it does not arrive in
   * time.
   */
  roundTrip(): Promise<string> {
    this.#tripping ??= this.#roundTrip().finally(() => {
      this.#tripping = undefined;
    });
    return this.#tripping;
  }

  async #roundTrip(): Promise<string> {
    const id = randomUUID();
    const signal = AbortSignal.timeout(tripMs);
    const started = performance.now();
    this.#log(`log check ${id}`);
    for (;;) {
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      if (await this.#store.finds(id, signal).catch(() => false)) return `it took ${seconds} s`;
      if (signal.aborted) {
        const why = this.state.up
          ? "is not in the log store"
          : "waits for the log store, which does not answer";
        throw new Error(`a line that the agent wrote ${seconds} s ago ${why}`);
      }
      await sleep(300);
    }
  }

  #follow(container: Container, epoch: Epoch): void {
    const { id } = container;
    // It is read already, or about to be.
    if (epoch.followed.has(id)) {
      this.#followers.get(id)?.wake();
      return;
    }
    epoch.followed.add(id);
    let position = this.#positions.get(id);
    if (!position) {
      position = new Position();
      this.#positions.set(id, position);
    }
    const known = position;
    const run = async () => {
      // One after the other: the store has other questions to answer.
      const start = await this.#inTurn(epoch, () => known.resume(this.#store, container.name, epoch.signal));
      const follower = new Follower({
        source: this.#source,
        batches: epoch.batches,
        container,
        position: known,
        start,
      });
      this.#followers.set(id, follower);
      await follower.run(epoch.signal);
    };
    const running: Promise<void> = run()
      .catch((error: Error) => {
        this.#fail(error, epoch.signal);
        epoch.stop();
      })
      .finally(() => {
        epoch.running.delete(running);
        epoch.followed.delete(id);
        this.#followers.delete(id);
      });
    epoch.running.add(running);
  }

  /**
   * The store has started again, as one is told. What it had in memory is gone when it was killed, so it is
   * asked what it still has; but one is told late: when lines go to the new process from the beginning,
   * nothing of them is lost.
   */
  async #checkStore(epoch: Epoch): Promise<void> {
    while (!epoch.signal.aborted) {
      const process = await this.#store.process(epoch.signal).catch(() => null);
      if (process === epoch.process) return;
      if (process !== null) return epoch.end();
      await sleep(250, undefined, { signal: epoch.signal }).catch(() => {});
    }
  }

  #inTurn<T>(epoch: Epoch, ask: () => Promise<T>): Promise<T> {
    const answer = epoch.turn.then(() => {
      epoch.signal.throwIfAborted();
      return ask();
    });
    epoch.turn = answer.then(
      () => {},
      () => {},
    );
    return answer;
  }

  #fail(error: Error, signal: AbortSignal): void {
    if (signal.aborted) return;
    this.state.failures++;
    this.#log(`shipping stopped: ${error.message}`);
  }
}

/** The time between two troubles. */
interface Epoch {
  readonly signal: AbortSignal;
  readonly batches: Batches;
  /** The store's process that lines are sent to. */
  readonly process: string | undefined;
  readonly stop: () => void;
  /** The store that lines were sent to is no more. */
  readonly end: () => void;
  readonly running: Set<Promise<void>>;
  readonly followed: Set<string>;
  turn: Promise<void>;
}
