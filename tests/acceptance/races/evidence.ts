/**
 * What each command really changed, and when, seen from outside of it: a proxy before the bucket of the state
 * and the backups, and a program in the place of `docker`. Neither knows of the lock, whose own entries are
 * left out.
 */
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** One thing that a command changed. Times are milliseconds since 1970. */
export interface Change {
  readonly slot: string;
  readonly from: number;
  readonly to: number;
  readonly what: string;
}

/** From the first to the last thing that a command changed. */
export interface Span {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

export function spanOf(changes: readonly Change[]): Span | undefined {
  if (changes.length === 0) return undefined;
  const [from, to] = [
    Math.min(...changes.map((change) => change.from)),
    Math.max(...changes.map((change) => change.to)),
  ];
  return { from, to, count: changes.length };
}

export const overlap = (one: Span | undefined, other: Span | undefined): boolean =>
  one !== undefined && other !== undefined && one.from < other.to && other.from < one.to;

/**
 * Writes to the bucket that change nothing of a stack: locks, and the note that a backup was read back, which
 * a restore writes before it takes the lock.
 */
const noChange = /\/locks\/[^/]+\.json$|\/backups\/.*\.verified$/;

/** Passes everything on to the store behind it and notes what writes. */
export class StateProxy {
  readonly #slot: string;
  readonly #changes: Change[];
  readonly #server: Server;
  #held: { readonly path: RegExp; readonly reached: () => void; readonly until: Promise<void> } | undefined;

  constructor(slot: string, storePort: number, changes: Change[]) {
    this.#slot = slot;
    this.#changes = changes;
    this.#server = createServer(async (asked, answer) => {
      const { method = "GET", url: path = "/", headers } = asked;
      const from = Date.now();
      const [key = ""] = path.split("?");
      if (this.#held?.path.test(key)) {
        this.#held.reached();
        await this.#held.until;
      }
      const writes = /^(PUT|POST|DELETE)$/.test(method);
      const onward = request(
        { host: "127.0.0.1", port: storePort, method, path, headers, agent: false },
        (found) => {
          const done = found.statusCode !== undefined && found.statusCode < 300;
          if (writes && done && !noChange.test(key)) this.#note(from, `${method} ${key}`);
          answer.writeHead(found.statusCode ?? 502, found.headers);
          found.pipe(answer);
        },
      );
      onward.on("error", () => answer.destroy());
      asked.on("error", () => onward.destroy());
      asked.pipe(onward);
    });
  }

  /** Makes whoever asks for such a path wait; resolves when somebody does. */
  hold(path: RegExp): { readonly reached: Promise<void>; letGo(): void } {
    const [asked, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    this.#held = { path, reached: asked.resolve, until: released.promise };
    const letGo = () => {
      this.#held = undefined;
      released.resolve();
    };
    return { reached: asked.promise, letGo };
  }

  #note(from: number, what: string): void {
    this.#changes.push({ slot: this.#slot, from, to: Date.now(), what });
  }

  async open(): Promise<number> {
    await new Promise<void>((done) => this.#server.listen(0, "127.0.0.1", done));
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

/** A program that notes begin and end of what may change something, and is `docker` otherwise. */
export function writeDockerRecorder(path: string, docker: string, log: string): void {
  writeFileSync(
    path,
    `#!/bin/sh
note() { printf '%s\\t%s\\t%s\\t%s\\n' "$(date +%s%3N)" "\${RACE_SLOT:-between}" "$1" "$2" >>'${log}'; }
case "$1" in
  create | start | stop | restart | kill | rm | run | update | exec | network | volume) ;;
  *) exec '${docker}' "$@" ;;
esac
words=$(printf '%s ' "$@" | tr '\\n\\t' '  ')
note "begin $$" "$words"
'${docker}' "$@"
code=$?
note "end $$" "$words"
exit $code
`,
  );
  chmodSync(path, 0o755);
}

/** What the recorder has noted of commands that change something; one that was killed has no end. */
export function dockerChanges(log: string): Change[] {
  const open = new Map<string, { slot: string; from: number; what: string }>();
  const changes: Change[] = [];
  const lines = existsSync(log) ? readFileSync(log, "utf8").split("\n") : [];
  for (const line of lines) {
    const [at = "", slot = "", event = "", words = ""] = line.split("\t");
    const [kind, pid] = event.split(" ");
    if (!changesSomething(words)) continue;
    const key = `${slot} ${pid} ${words}`;
    if (kind === "begin") open.set(key, { slot, from: Number(at), what: `docker ${words.trim()}` });
    const begun = open.get(key);
    if (kind !== "end" || !begun) continue;
    open.delete(key);
    changes.push({ ...begun, to: Number(at) });
  }
  for (const begun of open.values()) changes.push({ ...begun, to: begun.from });
  return changes;
}

export function changesSomething(words: string): boolean {
  const [verb = "", second = ""] = words.split(" ");
  if (/\.lock /.test(words)) return false;
  // The lock's container alone is removed by its id, without a flag.
  if (verb === "rm") return !/^rm [0-9a-f]{64} *$/.test(words);
  if (verb === "network" || verb === "volume") return /^(create|rm|connect|disconnect)$/.test(second);
  if (verb === "exec") return / (load|swap|discard)( |$)/.test(words);
  return /^(create|start|stop|restart|kill|run|update)$/.test(verb);
}
