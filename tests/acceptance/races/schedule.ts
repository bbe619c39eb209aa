/** Which commands meet in which round: the same seed gives the same rounds. */
export const operations = ["up", "down", "restore", "backup", "prune", "promote"] as const;
export type Operation = (typeof operations)[number];

export interface Entry {
  readonly operation: Operation;
  /** Which checkout, home and machine it is started from. */
  readonly machine: 0 | 1;
  /** How long after the round's begin. */
  readonly afterMs: number;
}

export interface Round {
  readonly number: number;
  /** The first two are of different machines; now and then there is a third. */
  readonly entries: readonly Entry[];
  /** Which entry is killed with all its processes, and how long after its start. */
  readonly kill: { readonly entry: number; readonly afterMs: number } | undefined;
  /** Between 0 and 1: which of the backups is restored. */
  readonly choice: number;
}

/** `backup and down`, whichever began. */
export const pairName = (one: Operation, other: Operation): string => [one, other].sort().join(" and ");

export const pairs: readonly (readonly [Operation, Operation])[] = operations.flatMap((one, i) =>
  operations.slice(i).map((other) => [one, other] as const),
);

/** Rounds of a third command, and of a kill: one in so many. */
const [thirdEvery, killEvery] = [6, 5];
/** A kill on the other machine costs a minute and a half: its lock is dead only after a silence. */
const farKillEvery = 30;

/** Every pair comes once before one comes again. */
export function schedule(rounds: number, seed: number): Round[] {
  const random = randomOf(seed);
  const pick = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)] as T;
  let waiting: (readonly [Operation, Operation])[] = [];
  return Array.from({ length: rounds }, (_, index) => {
    const number = index + 1;
    if (waiting.length === 0) waiting = shuffled(pairs, random);
    const pair = waiting.pop() as readonly [Operation, Operation];
    const [first, second] = random() < 0.5 ? pair : [pair[1], pair[0]];
    const machine = random() < 0.5 ? 0 : 1;
    const offset = () => Math.floor(random() * 3000);
    const entries: Entry[] = [
      { operation: first, machine, afterMs: 0 },
      { operation: second, machine: machine === 0 ? 1 : 0, afterMs: offset() },
    ];
    const third: Entry = { operation: pick(operations), machine: random() < 0.5 ? 0 : 1, afterMs: offset() };
    if (number % thirdEvery === 0) entries.push(third);
    const isFar = number % farKillEvery === 0;
    const victim = entries.findIndex((entry) => entry.machine === (isFar ? 1 : 0));
    const killAfter = 500 + Math.floor(random() * 6000);
    const killed = number % killEvery === 0;
    return {
      number,
      entries,
      kill: killed ? { entry: victim, afterMs: killAfter } : undefined,
      choice: random(),
    };
  });
}

function shuffled<T>(all: readonly T[], random: () => number): T[] {
  const left = [...all];
  for (let i = left.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [left[i], left[j]] = [left[j] as T, left[i] as T];
  }
  return left;
}

/** Mulberry32: equal on every machine. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
