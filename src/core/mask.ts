import type { CollectorEntry } from "./files.ts";

/** Fields of a grant that hold a secret's value. */
const secretFields = ["password", "secretKey"] as const;
/** What replaces a secret in a message. */
const hidden = "[hidden]";
/** Longer messages are cut: they are shown in tables and kept for every run in the history. */
const longest = 500;

/** Every secret value that the checks are given. */
export function secretValues(checks: readonly CollectorEntry[]): readonly string[] {
  const values = new Set<string>();
  for (const check of checks) {
    for (const value of Object.values(check.secrets)) values.add(value);
    for (const need of Object.values(check.needs)) {
      if (typeof need === "string") values.add(need);
      // An optional need is null where nothing answers it.
      else if (need !== null)
        for (const field of secretFields) if (typeof need[field] === "string") values.add(need[field]);
    }
  }
  return [...values].filter((value) => value.length >= 6);
}

/**
 * Returns a function that makes a text fit to be shown: one line, bounded, and without any of the secret
 * values, be they plain, percent-encoded or part of a Basic `Authorization` header.
 */
export function masker(secrets: readonly string[]): (text: string) => string {
  const needles = [...new Set(secrets.flatMap((secret) => [secret, encodeURIComponent(secret)]))].sort(
    (a, b) => b.length - a.length,
  );
  return (text) => {
    let shown = text;
    for (const needle of needles) shown = shown.replaceAll(needle, hidden);
    shown = shown
      .replace(/\b(Basic|Bearer) [A-Za-z0-9+/=_.-]{8,}/gi, `$1 ${hidden}`)
      .replace(/(\/\/[^/\s:@]*:)[^/\s@]+@/g, `$1${hidden}@`)
      .replace(/\s+/g, " ")
      .trim();
    return shown.length > longest ? `${shown.slice(0, longest - 1)}…` : shown;
  };
}

/** What went wrong in one sentence: the error's message and those of its causes. */
export function describe(error: unknown): string {
  const messages: string[] = [];
  let current: unknown = error;
  for (let depth = 0; depth < 4 && current !== undefined && current !== null; depth++) {
    const message = own(current);
    if (message !== "" && !messages.some((known) => known.includes(message))) messages.push(message);
    current = current instanceof AggregateError ? current.errors[0] : (current as { cause?: unknown }).cause;
  }
  return messages.length > 0 ? messages.join(": ") : "failed without a message";
}

function own(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.message !== "") return error.message;
  // Node's AggregateError of refused connections has a code and no message.
  return (error as NodeJS.ErrnoException).code ?? "";
}
