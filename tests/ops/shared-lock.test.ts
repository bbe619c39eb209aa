import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { DatalabError } from "../../src/errors.ts";
import { type Holder, thisProcess } from "../../src/ops/lock.ts";
import {
  type DeadHolder,
  type FoundEntry,
  type LockEntry,
  type LockPlace,
  takeShared,
} from "../../src/ops/shared-lock.ts";

const times = { beatMs: 10, staleMs: 200, watchMs: 60 };
const ann: Holder = {
  pid: 4242,
  started: "1",
  host: "elsewhere",
  boot: "b/1",
  user: "ann",
  command: "datalab backup create",
  since: "2026-01-31T12:00:00.000Z",
};
const long = "2026-01-31T12:00:00.000Z";
const mine = thisProcess("datalab up");

/** A place in memory whose every write takes a moment and is atomic, as a store's is. */
class Memory implements LockPlace {
  readonly name = "the memory";
  stored: FoundEntry | undefined;
  keepsEntry = false;
  #count = 0;
  /** Called before each write. */
  pause: () => Promise<void> = async () => {};

  put(entry: LockEntry | undefined): string {
    const version = `v${++this.#count}`;
    this.stored = { entry, version };
    return version;
  }
  async create(entry: LockEntry): Promise<string | undefined> {
    await this.pause();
    return this.stored ? undefined : this.put(entry);
  }
  async read(): Promise<FoundEntry | undefined> {
    await this.pause();
    return this.stored;
  }
  async replace(entry: LockEntry, version: string): Promise<string | undefined> {
    await this.pause();
    return this.stored?.version === version ? this.put(entry) : undefined;
  }
  renew(entry: LockEntry, version: string): Promise<string | undefined> {
    return this.replace(entry, version);
  }
  async release(version: string, dead?: readonly DeadHolder[]): Promise<void> {
    await this.pause();
    if (this.stored?.version !== version) return;
    // As a place that keeps its entry when nobody holds it.
    if (this.keepsEntry) this.put({ holder: null, beat: long, ...(dead && { dead }) });
    else this.stored = undefined;
  }
}

const take = (place: LockPlace, more = {}) => takeShared(place, "dev", mine, { times, ...more });
const failure = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: DatalabError) => error,
  );

test("who takes it first has it, says that it lives, and gives it back", async () => {
  const place = new Memory();
  const lock = await take(place);
  const { version } = place.stored as FoundEntry;
  await expect.poll(() => place.stored?.version !== version).toBe(true);
  expect(place.stored?.entry?.holder).toEqual(mine);
  await lock.release();
  expect(place.stored).toBeUndefined();
  expect(lock.lost.aborted).toBe(false);
});

test("a holder that lives elsewhere is named, and keeps it", async () => {
  const place = new Memory();
  const version = place.put({ holder: ann, beat: new Date().toISOString() });
  expect(await failure(take(place))).toMatchObject({
    code: "E_LOCKED",
    exitCode: 4,
    message:
      "The stack dev is locked: datalab backup create of ann@elsewhere (pid 4242) holds the lock since 2026-01-31T12:00:00.000Z.",
  });
  expect(place.stored?.version).toBe(version);
});

describe("a lock is taken over", () => {
  test("and each holder after it knows who died, and when", async () => {
    const place = new Memory();
    place.keepsEntry = true;
    place.put({ holder: { ...mine, pid: 2 ** 22 - 1 }, beat: long });
    const { host, boot, user, since } = mine;
    const died = [{ host, ...(boot && { boot }), user, since, until: long }];
    const first = await take(place);
    expect(first.dead).toEqual(died);
    const { version } = place.stored as FoundEntry;
    await expect.poll(() => place.stored?.version !== version).toBe(true);
    await first.release();
    expect(place.stored?.entry).toEqual({ holder: null, beat: long, dead: died });
    const second = await take(place);
    expect(second.dead).toEqual(died);
    await second.release();
  });

  test("at once from a process of this machine that has ended", async () => {
    const place = new Memory();
    place.put({ holder: { ...mine, pid: 2 ** 22 - 1 }, beat: new Date().toISOString() });
    await (await take(place)).release();
    expect(place.stored).toBeUndefined();
  });

  test("from a holder elsewhere that is silent while it is watched", async () => {
    const place = new Memory();
    place.put({ holder: ann, beat: long });
    const watched: Holder[] = [];
    const lock = await take(place, { onWatch: (holder: Holder) => watched.push(holder) });
    expect(watched).toEqual([ann]);
    expect(place.stored?.entry?.holder).toEqual(mine);
    await lock.release();
  });

  test("where nobody holds it any more", async () => {
    const place = new Memory();
    place.put({ holder: null, beat: long });
    await (await take(place)).release();
  });
});

describe("a lock is kept", () => {
  test("by a holder whose clock is far behind, as long as it gives signs of life", async () => {
    const place = new Memory();
    place.put({ holder: ann, beat: long });
    const beating = setInterval(() => place.put({ holder: ann, beat: long }), 5);
    expect(await failure(take(place))).toMatchObject({ code: "E_LOCKED" });
    clearInterval(beating);
  });

  test("by the same pid on another machine of the same name", async () => {
    const place = new Memory();
    const twin = { ...ann, host: hostname(), pid: 2 ** 22 - 1 };
    place.put({ holder: twin, beat: new Date().toISOString() });
    expect(await failure(take(place))).toMatchObject({ code: "E_LOCKED" });
  });

  test("by whoever wrote what can't be read", async () => {
    const place = new Memory();
    const version = place.put(undefined);
    expect(await failure(take(place))).toMatchObject({
      code: "E_LOCKED",
      message: "The lock of stack dev in the memory can't be read.",
    });
    expect(place.stored?.version).toBe(version);
  });
});

test("who has lost it to another is told, and does not take it back", async () => {
  const place = new Memory();
  const lock = await take(place);
  place.put({ holder: ann, beat: new Date().toISOString() });
  await expect.poll(() => lock.lost.aborted).toBe(true);
  expect(lock.lost.reason).toMatchObject({
    code: "E_LOCK_LOST",
    message:
      "The command lost the lock of stack dev: datalab backup create of ann@elsewhere has taken it over.",
  });
  await lock.release();
  expect(place.stored?.entry?.holder).toEqual(ann);
});

test("what it stood in may go with the stack: that is no loss", async () => {
  const place = new Memory();
  const lock = await take(place);
  place.stored = undefined;
  await sleep(50);
  expect(lock.lost.aborted).toBe(false);
  await lock.release();
});

test("a place that does not answer for too long is a loss: others take the holder for dead", async () => {
  const place = new Memory();
  const lock = await take(place);
  place.pause = async () => {
    throw new Error("no route");
  };
  await expect.poll(() => lock.lost.aborted).toBe(true);
  expect(lock.lost.reason.message).toBe(
    "The command lost the lock of stack dev: the memory has not answered for a minute.",
  );
  place.pause = async () => {};
  await lock.release();
});

test("of eight at once never two hold it, in 100 rounds of a seeded order", async () => {
  let seed = 20261130;
  const random = () => {
    seed = (seed * 1103515245 + 12345) % 2 ** 31;
    return seed / 2 ** 31;
  };
  const place = new Memory();
  place.pause = () => sleep(random() * 2);
  let inside = 0;
  let most = 0;
  let rounds = 0;
  const contend = async (): Promise<void> => {
    while (rounds < 100) {
      // Each is another process to the others: their pids are not this one's.
      const me = { ...ann, pid: Math.floor(random() * 1e9) };
      const lock = await takeShared(place, "dev", me, { times: { ...times, staleMs: 60_000 } }).catch(
        () => undefined,
      );
      if (!lock) {
        await sleep(random() * 3);
        continue;
      }
      inside += 1;
      most = Math.max(most, inside);
      await sleep(random() * 4);
      rounds += 1;
      inside -= 1;
      await lock.release();
    }
  };
  await Promise.all(Array.from({ length: 8 }, contend));
  expect(most).toBe(1);
  expect(rounds).toBeGreaterThanOrEqual(100);
  expect(place.stored).toBeUndefined();
});
