import { PassThrough, type Readable } from "node:stream";
import { DatalabError } from "../../errors.ts";
import { lastLines, type Ran } from "../process.ts";
import type { ExecOptions, Runtime } from "../target.ts";
import type { SavedDump } from "./record.ts";

/** Whoever knows how to dump what a workload holds. See Dump in the vocabulary. */
export interface Dumper {
  readonly kind: SavedDump["kind"];
  readonly service: string;
  readonly workload: string;
  list(): Promise<string[]>;
  /** Content of a dump; the stream ends with an error when it could not be made to its end. */
  save(name: string, onLeft: (what: string) => void): Readable;
  /** Those names of which no dump can be loaded. */
  refuses(names: readonly string[]): Promise<readonly string[]>;
  load(name: string, dump: Readable): Promise<void>;
  digest(name: string): Promise<string>;
  digestSaved(dump: Readable): Promise<string>;
  swap(): Promise<void>;
  discard(): Promise<void>;
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
    load: async (name, dump) => void (await call(["load", name], { input: dump })),
    digest: (name) => call(["digest", name]),
    digestSaved: (dump) => call(["digest-saved"], { input: dump }),
    swap: async () => void (await call(["swap"])),
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
  call(output).then(
    () => (output.readableEnded ? dump.end() : output.once("end", () => dump.end())),
    (error: Error) => dump.destroy(error),
  );
  return dump;
}
