/**
 * What each command really changed, and when, seen from outside of it: a proxy before the bucket of the state
 * and the backups, and a program in the place of `docker`. Neither knows of the lock, whose own entries are
 * left out.
 */
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

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

const requestLine = /^([A-Z]+) ([^ ?]+)\S* HTTP\/1\.1\r\n/;
const statusLine = /HTTP\/1\.1 (?!100)(\d{3})/;

/**
 * Passes every byte on to the store behind it, as it comes, and notes what writes. Each of its clients sends
 * one request after the other through a connection, and its head first.
 */
export class StateProxy {
  readonly #slot: string;
  readonly #changes: Change[];
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  #held: { readonly path: RegExp; readonly reached: () => void; readonly until: Promise<void> } | undefined;

  constructor(slot: string, storePort: number, changes: Change[]) {
    this.#slot = slot;
    this.#changes = changes;
    this.#server = createServer((client) => this.#pass(client, connect(storePort, "127.0.0.1")));
  }

  #pass(client: Socket, store: Socket): void {
    let asked: { readonly from: number; readonly method: string; readonly key: string } | undefined;
    client.on("data", async (chunk) => {
      const [, method, key] = requestLine.exec(chunk.toString("latin1", 0, 2000)) ?? [];
      if (method && key) asked = { from: Date.now(), method, key };
      if (key && this.#held?.path.test(key)) {
        client.pause();
        this.#held.reached();
        await this.#held.until;
        client.resume();
      }
      store.write(chunk);
    });
    store.on("data", (chunk) => {
      client.write(chunk);
      const status = statusLine.exec(chunk.toString("latin1", 0, 200))?.[1];
      if (!asked || status === undefined) return;
      const { method, key, from } = asked;
      asked = undefined;
      if (/^(PUT|POST|DELETE)$/.test(method) && Number(status) < 300 && !noChange.test(key))
        this.#changes.push({ slot: this.#slot, from, to: Date.now(), what: `${method} ${key}` });
    });
    for (const [socket, other] of [
      [client, store],
      [store, client],
    ] as const) {
      this.#open.add(socket);
      socket.on("error", () => other.destroy());
      socket.on("end", () => other.end());
      socket.on("close", () => this.#open.delete(socket));
    }
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

  async open(): Promise<number> {
    await new Promise<void>((done) => this.#server.listen(0, "127.0.0.1", done));
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    for (const socket of this.#open) socket.destroy();
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
