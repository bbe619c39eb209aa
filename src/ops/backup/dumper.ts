import { PassThrough, type Readable } from "node:stream";
import { DatalabError } from "../../errors.ts";
import { lastLines, type Ran } from "../process.ts";
import type { ExecOptions, Runtime } from "../target.ts";
import type { SavedDump } from "./record.ts";

/** Is told of what a dump leaves out. */
export type OnLeft = (what: string, why: string) => void;

/** Whoever knows how to dump what a workload holds. See Dump in the vocabulary. */
export interface Dumper {
  readonly kind: SavedDump["kind"];
  readonly service: string;
  readonly workload: string;
  list(): Promise<string[]>;
  /** Content of a dump; the stream ends with an error when it could not be made to its end. */
  save(name: string, onLeft: OnLeft): Readable;
  /** Those names of which no dump can be loaded. */
  refuses(names: readonly string[]): Promise<readonly string[]>;
  /**
   * Before these are loaded: copies that an earlier restore, perhaps of another backup, has left are dropped.
   */
  prepare(names: readonly string[]): Promise<void>;
  load(name: string, dump: Readable): Promise<void>;
  /** How what was loaded differs from its dump, which is opened as often as it is needed. */
  differs(name: string, dump: () => Promise<Readable>): Promise<string | undefined>;
  /**
   * Puts exactly these in the place of the live ones. Databases all or none; a home that can't be swapped is
   * told, and the others are.
   */
  swap(names: readonly string[], onFailed: (name: string, error: Error) => void): Promise<void>;
  /** Drops what was replaced, and copies that are not used; nothing of those that are to be kept. */
  discard(keep?: readonly string[]): Promise<void>;
}

export function workloadDumper(
  runtime: Runtime,
  service: string,
  workload: string,
  instance: string,
  command: readonly string[],
): Dumper {
  const call = async (words: readonly string[], options: ExecOptions = {}) =>
    printed(
      await runtime.exec(instance, [...command, ...words], options),
      `${instance} can't ${words.join(" ")}`,
    );
  const list = async () => (await call(["list"])).split("\n").filter((line) => line !== "");
  return {
    kind: "database",
    service,
    workload,
    list,
    async refuses(names) {
      const known = names.length > 0 ? await list() : [];
      return names.filter((name) => !known.includes(name));
    },
    save: (name) => outputOf((output) => call(["save", name], { output })),
    prepare: async () => void (await call(["discard", "loaded"])),
    load: async (name, dump) => void (await call(["load", name], { input: dump })),
    async differs(name, dump) {
      const saved = await call(["digest-saved"], { input: await dump() });
      const loaded = await call(["digest", name]);
      return saved === loaded ? undefined : `${saved.slice(0, 12)}, ${loaded.slice(0, 12)}`;
    },
    swap: async (names) => void (await call(["swap", ...names])),
    discard: async () => void (await call(["discard"])),
  };
}

/** What a command that must end well has printed. */
export function printed(ran: Ran, what: string): string {
  if (ran.code === 0) return ran.stdout.trim();
  throw new DatalabError("E_DUMP", `${what}: ${lastLines(ran.stderr, 4)}`);
}

/** What a program writes. Its end is the end of the program: what was cut off must not look whole. */
export function outputOf(call: (output: PassThrough) => Promise<unknown>): Readable {
  const dump = new PassThrough();
  const output = new PassThrough();
  output.pipe(dump, { end: false });
  // Nobody reads it any more: the program that writes it must not wait for ever.
  dump.once("close", () => {
    if (!output.readableEnded) output.destroy(new Error("what it wrote is no longer read"));
  });
  output.on("error", () => {});
  // It may fail before anybody reads it, who is told then.
  dump.on("error", () => {});
  call(output).then(
    () => (output.readableEnded ? dump.end() : output.once("end", () => dump.end())),
    (error: Error) => dump.destroy(error),
  );
  return dump;
}
