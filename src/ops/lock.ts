import {
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { hostname, userInfo } from "node:os";
import { join } from "node:path";
import { DatalabError } from "../errors.ts";

/** Stands for the start of a process that has ended. */
const zombie = "zombie";

/** Who works on a stack. */
export interface Holder {
  readonly pid: number;
  /** When the process began, so that a pid that is used again is not taken for it. */
  readonly started: string;
  readonly host: string;
  readonly user: string;
  readonly command: string;
  /** ISO 8601. */
  readonly since: string;
}

export interface Lock {
  release(): void;
}

/**
 * Takes the lock of a stack in this checkout. Throws E_LOCKED (exit 4) at once when a living process holds
 * it; the lock of a dead one is taken over. Pulumi's own lock stands behind it, for whoever runs pulumi by
 * hand.
 */
export function lockStack(project: string, stack: string, command: string): Lock {
  const folder = join(project, ".datalab", "locks");
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${stack}.json`);
  const mine: Holder = {
    pid: process.pid,
    started: startOf(process.pid) ?? "",
    host: hostname(),
    user: userInfo().username,
    command,
    since: new Date().toISOString(),
  };
  // Written elsewhere and linked into place: who sees the lock sees all of it.
  const draft = `${path}.${process.pid}`;
  const file = openSync(draft, "w", 0o600);
  writeSync(file, JSON.stringify(mine));
  closeSync(file);
  try {
    for (let tries = 0; ; tries++) {
      try {
        linkSync(draft, path);
        return { release: () => release(path, mine) };
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      }
      const holder = readHolder(path);
      if (holder && (isAlive(holder) || tries > 2)) throw locked(stack, holder);
      discard(path, draft);
    }
  } finally {
    unlinkSync(draft);
  }
}

export function locked(
  stack: string,
  holder: Pick<Holder, "pid" | "user" | "host" | "since" | "command">,
): DatalabError {
  return new DatalabError(
    "E_LOCKED",
    `The stack ${stack} is locked: ${holder.command} of ${holder.user}@${holder.host} (pid ${holder.pid}) holds the lock since ${holder.since}.`,
    { hint: "Wait for it to end, or stop it with Ctrl-C in its terminal." },
  );
}

/**
 * Takes a dead process's lock away. It is moved first: of two that find it, only one moves it, and neither a
 * fresh one.
 */
function discard(path: string, draft: string): void {
  const aside = `${draft}.stale`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  const moved = readHolder(aside);
  if (moved && isAlive(moved)) {
    // Somebody took it between our look and our move: it is theirs again.
    try {
      linkSync(aside, path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }
  rmSync(aside, { force: true });
}

function release(path: string, mine: Holder): void {
  const holder = readHolder(path);
  if (holder?.pid === mine.pid && holder.started === mine.started) rmSync(path, { force: true });
}

function readHolder(path: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Holder;
  } catch {
    return undefined;
  }
}

/** Whether the holder still is that process. A lock of another host is believed. */
function isAlive(holder: Holder): boolean {
  if (holder.host !== hostname()) return true;
  const started = startOf(holder.pid);
  if (started !== undefined) return started === holder.started;
  return isRunning(holder.pid);
}

/**
 * Whether a process of this pid works on this host; one that has ended and waits to be collected does not.
 */
export function isRunning(pid: number): boolean {
  if (startOf(pid) === zombie) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Clock ticks since boot when the process began; undefined where there is no /proc, or no such process. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? zombie : fields[19];
  } catch {
    return undefined;
  }
}
