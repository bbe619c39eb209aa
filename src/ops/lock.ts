import {
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
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
  /** This boot of the host and its pid namespace: only there does the pid mean that process. */
  readonly boot?: string;
  readonly user: string;
  readonly command: string;
  /** ISO 8601. */
  readonly since: string;
}

export interface Lock {
  release(): void;
}

/** This process, as the holder of a lock. */
export const thisProcess = (command: string): Holder => ({
  pid: process.pid,
  started: startOf(process.pid) ?? "",
  host: hostname(),
  ...(boot !== undefined && { boot }),
  user: userInfo().username,
  command,
  since: new Date().toISOString(),
});

/**
 * Takes the lock of a stack in this checkout. Throws E_LOCKED (exit 4) at once when a living process holds
 * it, or one of somebody else's that can't be read; the lock of a dead one is taken over. Whoever works on
 * the stack from elsewhere is kept out by the locks of `stack-lock.ts`.
 */
export function lockCheckout(project: string, stack: string, mine: Holder): Lock {
  const folder = join(project, ".datalab", "locks");
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${stack}.json`);
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
      if (holder === "unreadable") throw unreadable(stack, path);
      if (holder && (isAliveHere(holder) || tries > 2)) throw locked(stack, holder);
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

const unreadable = (stack: string, path: string): DatalabError =>
  new DatalabError("E_LOCKED", `The stack ${stack} is locked by another user: ${path} can't be read.`, {
    hint: "Wait for that user's command to end. If none is running, that user or root removes the file.",
  });

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
  if (moved && (moved === "unreadable" || isAliveHere(moved))) {
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
  if (typeof holder !== "object") return;
  if (holder.pid === mine.pid && holder.started === mine.started) rmSync(path, { force: true });
}

/** undefined: there is none, or what is there is no lock. */
function readHolder(path: string): Holder | "unreadable" | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT" ? undefined : "unreadable";
  }
  return parseHolder(text);
}

/** undefined: the text is no holder's. */
export function parseHolder(text: string): Holder | undefined {
  try {
    return JSON.parse(text) as Holder;
  } catch {
    return undefined;
  }
}

/** Of a lock of this checkout: what was before a boot of this host is dead, another host's is believed. */
function isAliveHere(holder: Holder): boolean {
  if (holder.host !== hostname()) return true;
  if (holder.boot === undefined || boot === undefined || holder.boot === boot) return isProcess(holder);
  return bootId(holder.boot) === bootId(boot);
}

/** Whether the holder still is that process; undefined where nobody on this machine can tell. */
export const isAlive = (holder: Holder): boolean | undefined =>
  isHere(holder) ? isProcess(holder) : undefined;

/** Whether the holder's pids are those of this machine. */
export const isHere = (holder: Pick<Holder, "host" | "boot">): boolean =>
  holder.host === hostname() && holder.boot === boot;

function isProcess(holder: Holder): boolean {
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

const boot = thisBoot();
const bootId = (text: string): string => text.split("/")[0] as string;

/** undefined where there is no /proc. */
function thisBoot(): string | undefined {
  try {
    const id = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return `${id}/${readlinkSync("/proc/self/ns/pid").replace(/\D/g, "")}`;
  } catch {
    return undefined;
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
