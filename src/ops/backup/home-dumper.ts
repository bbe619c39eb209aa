import { createHash } from "node:crypto";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { DatalabError } from "../../errors.ts";
import { formatBytes } from "../../model/units.ts";
import { parallel } from "../object-store/inventory.ts";
import type { ExecOptions, HomeHost, Homes } from "../target.ts";
import { type Dumper, type OnLeft, outputOf, printed } from "./dumper.ts";
import { homeScript } from "./home-script.ts";

/** What one home may take of a backup or restore, each time that it is opened. */
export interface HomeLimits {
  /** Of its archive, before it is compressed. */
  readonly bytes: number;
  readonly seconds: number;
}

/** What tar says of a file that its own owner may not read. */
const unreadable = /^tar: \.\/(.+): Warning: Cannot /;
const reserved = /^datalab: reserved: (.+)$/;
/** `timeout` ends with it when the time is over. */
const tooLate = 124;
/** For a program that does not even end when it is told to. */
const graceSeconds = 30;

/** Codes of what is wrong with one home, or with what opens it: the others are none the worse. */
const ofOneHome: readonly string[] = [
  ...["E_DUMP", "E_HOME_GONE", "E_HOME_LIMIT", "E_HOME_START", "E_HOME_UNSAVED"],
  ...["E_RESTORE_DIFFERS", "E_CLUSTER", "E_CLUSTER_TIMEOUT", "E_DOCKER", "E_EXEC", "E_WORKLOAD_DOWN"],
];
export const isOfOneHome = (error: unknown): error is Error =>
  (error instanceof DatalabError && ofOneHome.includes(error.code)) ||
  // This machine has no room for it on its way: there may be for the others.
  (error as NodeJS.ErrnoException).code === "ENOSPC";

/** Saves folders of people, each as a tar archive, and brings them back. */
export function homeDumper(host: HomeHost, homes: Homes, limits: HomeLimits): Dumper {
  const { service, workload, path } = homes;
  const loaded = new Map<string, string>();
  const overLimit = (name: string, what: string, limit: keyof typeof words): DatalabError =>
    new DatalabError("E_HOME_LIMIT", `The home of ${name} ${what}.`, { hint: words[limit] });
  const call = async (name: string, words: readonly string[], options: ExecOptions = {}) => {
    const [word] = words;
    const { seconds } = limits;
    const late = () => overLimit(name, `takes longer than ${seconds} s (${word})`, "time");
    const home = await host.open(homes, name, { make: word === "load" });
    const end = performance.now() + (seconds + graceSeconds) * 1000;
    try {
      const command = ["bash", "-c", homeScript, "home", word as string, path, ...words.slice(1)];
      const ran = await home.run(["timeout", "--kill-after=10", String(seconds), ...command], {
        ...options,
        timeoutSeconds: seconds + graceSeconds,
      });
      if (ran.code === tooLate) throw late();
      return printed(ran, `The home of ${name} can't be used (${word})`);
    } catch (error) {
      // How a command is told that ended too late differs by target; timers may be early by a little.
      throw performance.now() > end - 1000 && !(error instanceof DatalabError) ? late() : error;
    } finally {
      await home.close();
    }
  };
  const each = (
    names: Iterable<string>,
    words: readonly string[],
    onFailed: (name: string, error: Error) => void,
  ) =>
    parallel(names[Symbol.iterator](), new AbortController().signal, async (name) => {
      try {
        await call(name, words);
      } catch (error) {
        if (!isOfOneHome(error)) throw error;
        onFailed(name, error);
      }
    });
  return {
    kind: "home",
    service,
    workload,
    list: () => host.list(homes),
    // Whose there is none yet gets one.
    refuses: async () => [],
    save: (name, onLeft) =>
      outputOf(async (output) => {
        const { onLine, tell } = leftOf(name, onLeft);
        const more = `has more than ${formatBytes(limits.bytes)}`;
        const counted = limited(limits.bytes, () => overLimit(name, more, "size"));
        pipeline(counted, output).catch(() => {});
        await call(name, ["save"], { output: counted, onError: onLine });
        tell();
      }),
    // In a home that is loaded into it is dropped then. That elsewhere one stays does no harm.
    prepare: async (names) => {
      if (names.length === 0) return;
      const others = (await host.list(homes)).filter((name) => !names.includes(name));
      await each(others, ["discard", "loaded"], () => {});
    },
    load: async (name, dump) => void loaded.set(name, await call(name, ["load"], { input: dump })),
    async differs(name, dump) {
      const hash = createHash("sha256");
      await pipeline(await dump(), hash);
      if (hash.digest("hex") === loaded.get(name)) return undefined;
      // Where files have other holes than they had, their archive is another one.
      const found = await call(name, ["compare"], { input: await dump() }).then(
        () => undefined,
        (error: Error) => error,
      );
      if (found && !isOfOneHome(found)) throw found;
      return found?.message;
    },
    swap: (names, onFailed) => each(names, ["swap"], onFailed),
    // Of who has a home that could not be swapped, both halves are there: the next restore goes on from them.
    discard: (keep = []) =>
      each(
        [...loaded.keys()].filter((name) => !keep.includes(name)),
        ["discard"],
        () => {},
      ),
  };
}

const words = {
  size: "`backup.homes.size` in Pulumi.<stack>.yaml sets how much of a home is saved.",
  time: "`backup.homes.time` in Pulumi.<stack>.yaml sets how long one may take.",
};

/** Counts what is left out, of which there may be millions, and tells of it in a few words. */
function leftOf(name: string, onLeft: OnLeft) {
  let first: string | undefined;
  let count = 0;
  return {
    onLine(line: string): void {
      const its = reserved.exec(line)?.[1];
      if (its !== undefined) onLeft(`${its} in the home of ${name}`, "restores use this name");
      const file = unreadable.exec(line)?.[1];
      if (file === undefined) return;
      first ??= file;
      count += 1;
    },
    tell(): void {
      const more = count > 1 ? ` and ${count - 1} more` : "";
      if (first !== undefined) onLeft(`${first}${more} in the home of ${name}`, "its owner may not read it");
    },
  };
}

function limited(bytes: number, over: () => Error): Transform {
  let left = bytes;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      left -= chunk.length;
      if (left < 0) done(over());
      else done(null, chunk);
    },
  });
}
