/** Exit codes of every command. */
export const exit = { ok: 0, failure: 1, usage: 2, drift: 3, locked: 4, interrupted: 130 } as const;
export type ExitCode = (typeof exit)[keyof typeof exit];

/** What docs/errors.md says about a code. */
export interface ErrorEntry {
  /** One or two sentences: what happened. */
  readonly meaning: string;
  /** One or two sentences: what to do, with the command to type. */
  readonly fix: string;
  /** How a command ends; a failure (1) where nothing else is said. */
  readonly exit?: ExitCode;
}

export type ErrorEntries = Readonly<Record<`E_${string}`, ErrorEntry>>;
