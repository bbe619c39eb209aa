import { AsyncLocalStorage } from "node:async_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { DatalabError } from "../errors.ts";
import { type Holder, isAlive, isHere, locked } from "./lock.ts";

/** What stands in a lock that several machines see. */
export interface LockEntry {
  /** null: nobody holds it. */
  readonly holder: Holder | null;
  /** When the holder last said that it lives; ISO 8601, by the holder's clock. */
  readonly beat: string;
  /** The last holders that died: what they were doing, such as a run of the engine, is dead too. */
  readonly dead?: readonly DeadHolder[];
}

export interface DeadHolder extends Pick<Holder, "host" | "boot" | "user" | "since"> {
  /** Its last sign of life, by its clock. */
  readonly until: string;
}

/** How many of them are remembered. */
const deadKept = 8;

/** Holders of the locks that the running operation has, and that died before it. */
export const deadHolders = new AsyncLocalStorage<readonly DeadHolder[]>();

/**
 * Whether something that a process of that host began then is known to have died with the process. Of this
 * machine nothing is: what a killed command has started may live on, and its pid tells.
 */
export const diedWithHolder = (host: string, user: string, at: string): boolean =>
  (deadHolders.getStore() ?? []).some((dead) => {
    const [began, from, until] = [at, dead.since, dead.until].map(Date.parse) as [number, number, number];
    // Times of one clock, some of them in whole seconds. Nothing began much later than its last sign of life.
    const isIts = began > from - 1000 && began < until + 2 * usualTimes.beatMs;
    return isIts && dead.host === host && dead.user === user && !isHere(dead);
  });

/** A lock's entry as it was found, with what tells it from every other one. */
export interface FoundEntry {
  /** undefined: what is there is no entry of ours. */
  readonly entry: LockEntry | undefined;
  readonly version: string;
}

/**
 * Where a lock stands that all who reach a stack see. Every write is atomic: of two that write over the same
 * version one does.
 */
export interface LockPlace {
  /** For people: `the Docker daemon`. */
  readonly name: string;
  /** Writes the entry where there is none; returns its version, or undefined: there is one. */
  create(entry: LockEntry): Promise<string | undefined>;
  read(): Promise<FoundEntry | undefined>;
  /**
   * The holder's own sign of life; returns the new version, or undefined: this version is no longer there.
   */
  renew(entry: LockEntry, version: string): Promise<string | undefined>;
  /** Puts an entry in the place of a dead one; undefined: this version is no longer there. */
  replace(entry: LockEntry, version: string): Promise<string | undefined>;
  /** Gives back what has this version; `dead` is what the next holder must know. */
  release(version: string, dead?: readonly DeadHolder[]): Promise<void>;
}

export interface SharedLock {
  /** Aborts with E_LOCK_LOST when somebody else has taken the lock over. */
  readonly lost: AbortSignal;
  readonly dead: readonly DeadHolder[];
  release(): Promise<void>;
}

export interface SharedLockTimes {
  /** How often the holder says that it lives. */
  readonly beatMs: number;
  /** A holder that has been silent for so long may be dead, by clocks that may differ. */
  readonly staleMs: number;
  /** How long it is watched for a sign of life before it is taken for dead. */
  readonly watchMs: number;
}

export const usualTimes: SharedLockTimes = { beatMs: 10_000, staleMs: 60_000, watchMs: 25_000 };

export interface SharedLockOptions {
  readonly times?: SharedLockTimes;
  /** Called when a silent holder is watched. */
  readonly onWatch?: (holder: Holder) => void;
  readonly signal?: AbortSignal | undefined;
}

const now = (): string => new Date().toISOString();
/** Each try follows a change that somebody else has made. */
const maxTries = 20;

/**
 * Takes a lock that several machines see. Throws E_LOCKED at once when somebody holds it who lives. A dead
 * process of this machine is known by its pid; a holder elsewhere is dead when it has said nothing for a
 * minute and says nothing while it is watched: the time of another clock alone proves nothing.
 */
export async function takeShared(
  place: LockPlace,
  stack: string,
  mine: Holder,
  { times = usualTimes, onWatch, signal }: SharedLockOptions = {},
): Promise<SharedLock> {
  const entry = (dead: readonly DeadHolder[]): LockEntry => ({ holder: mine, beat: now(), dead });
  for (let tries = 0; tries < maxTries; tries++) {
    const created = await place.create(entry([]));
    if (created !== undefined) return keep(place, stack, entry([]), created, times);
    const found = await place.read();
    if (!found) continue;
    const holder = found.entry?.holder;
    if (holder && !(await isDead(place, found, holder))) throw locked(stack, holder);
    if (found.entry === undefined) throw foreignLock(place, stack);
    const dead = deadOf(found.entry);
    const version = await place.replace(entry(dead), found.version);
    if (version !== undefined) return keep(place, stack, entry(dead), version, times);
  }
  throw new DatalabError(
    "E_LOCKED",
    `The lock of stack ${stack} in ${place.name} changes hands all the time.`,
    {
      hint: "Run the command again.",
    },
  );

  async function isDead(at: LockPlace, found: FoundEntry, holder: Holder): Promise<boolean> {
    const known = isAlive(holder);
    if (known !== undefined) return !known;
    if (Date.now() - Date.parse(found.entry?.beat ?? "") < times.staleMs) return false;
    onWatch?.(holder);
    await sleep(times.watchMs, undefined, { signal });
    return (await at.read())?.version === found.version;
  }
}

/** Those that a found entry tells of, its own holder included. */
function deadOf({ holder, beat, dead = [] }: LockEntry): DeadHolder[] {
  if (!holder) return [...dead];
  const { host, boot, user, since } = holder;
  return [...dead, { host, ...(boot !== undefined && { boot }), user, since, until: beat }].slice(-deadKept);
}

const foreignLock = (place: LockPlace, stack: string): DatalabError =>
  new DatalabError("E_LOCKED", `The lock of stack ${stack} in ${place.name} can't be read.`, {
    hint: "Another version of DataLab may hold it. If no command runs anywhere, remove the lock; docs/troubleshooting.md says how.",
  });

/** Says that the holder lives until the lock is given back, or is no longer its own. */
function keep(
  place: LockPlace,
  stack: string,
  { holder, dead = [] }: LockEntry,
  taken: string,
  { beatMs, staleMs }: SharedLockTimes,
): SharedLock {
  const lost = new AbortController();
  let version: string | undefined = taken;
  let lastBeat = Date.now();
  let beating: Promise<void> | undefined;
  const beat = async (): Promise<void> => {
    if (version === undefined) return;
    try {
      const renewed = await place.renew({ holder, beat: now(), dead }, version);
      if (renewed !== undefined) {
        version = renewed;
        lastBeat = Date.now();
        return;
      }
      version = undefined;
      const { entry } = (await place.read()) ?? {};
      // What it stood in may be gone with the stack; only another holder is a loss.
      if (entry?.holder) lost.abort(lockLost(stack, place, entry.holder));
      clearInterval(timer);
    } catch {
      // Others take the lock for a dead one's by then.
      if (Date.now() - lastBeat > staleMs) lost.abort(lockLost(stack, place, null));
    }
  };
  const timer = setInterval(() => {
    beating ??= beat().finally(() => {
      beating = undefined;
    });
  }, beatMs);
  timer.unref();
  return {
    lost: lost.signal,
    dead,
    async release() {
      clearInterval(timer);
      await beating;
      if (version !== undefined) await place.release(version, dead);
    },
  };
}

function lockLost(stack: string, place: LockPlace, by: Holder | null): DatalabError {
  const reason = by
    ? `${by.command} of ${by.user}@${by.host} has taken it over`
    : `${place.name} has not answered for a minute`;
  return new DatalabError("E_LOCK_LOST", `The command lost the lock of stack ${stack}: ${reason}.`, {
    hint: "The command was stopped so that two do not change the stack at once. Run it again when the other has ended.",
  });
}
