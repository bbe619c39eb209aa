import { DatalabError } from "../../errors.ts";
import { throwIfAborted } from "../abort.ts";
import type { Step } from "../reporter.ts";
import type { Archive } from "./archive.ts";
import type { Dumper, OnLeft } from "./dumper.ts";
import { isOfOneHome } from "./home-dumper.ts";
import type { BackupRecord, SavedDump } from "./record.ts";

/** How often a home is tried that could not be saved: its notebook may have ended meanwhile. */
const tries = 2;

const homeOf = (name: string) => `the home of ${name}`;

/** Saves all that these can dump. A home that can't be saved is told and passed by, a database is not. */
export async function saveDumps(
  archive: Archive,
  dumpers: readonly Dumper[],
  signal: AbortSignal,
  step: Pick<Step, "update">,
  onLeft: OnLeft,
): Promise<[SavedDump[], string]> {
  const dumps: SavedDump[] = [];
  const passedBy = new Map<string, Error>();
  const save = async (dumper: Dumper, name: string, left = tries): Promise<void> => {
    throwIfAborted(signal);
    step.update(name);
    const notes: Parameters<OnLeft>[] = [];
    const { kind, service, workload } = dumper;
    try {
      const { id, bytes } = await archive.blobs.save(dumper.save(name, (...note) => notes.push(note)));
      for (const note of notes) onLeft(...note);
      dumps.push({ service, workload, kind, name, blob: id, bytes });
    } catch (error) {
      throwIfAborted(signal);
      if (kind !== "home" || !isOfOneHome(error)) throw error;
      if (left > 1 && mayPass(error)) return save(dumper, name, left - 1);
      passedBy.set(name, error);
      onLeft(homeOf(name), error.message);
    }
  };
  for (const dumper of dumpers) for (const name of await dumper.list()) await save(dumper, name);
  const homes = dumps.filter(({ kind }) => kind === "home").length;
  refuseAll([...passedBy.values()], homes);
  const names = dumps.map(({ name }) => name).join(", ") || "none";
  return [dumps, passedBy.size > 0 ? `${names}; passed by: ${[...passedBy.keys()].join(", ")}` : names];
}

/**
 * When not one of several homes could be used, it is not they: a backup without any must not take the place
 * of those that have them.
 */
function refuseAll(failures: readonly Error[], used: number): void {
  if (used === 0 && failures.length > 1 && failures.every(mayPass)) throw failures[0];
}

const mayPass = (error: Error): boolean =>
  !(error instanceof DatalabError && ["E_HOME_GONE", "E_HOME_LIMIT", "E_HOME_UNSAVED"].includes(error.code));

const isOf = (dumper: Dumper, { kind, workload }: SavedDump): boolean =>
  dumper.kind === kind && dumper.workload === workload;

/** Dumps of a backup by who can load them; undefined: nobody. */
export const byDumper = (record: BackupRecord, dumpers: readonly Dumper[]) =>
  Map.groupBy(record.dumps, (dump) => dumpers.find((dumper) => isOf(dumper, dump)));

/** What is loaded beside the live data, and the homes that are not. */
export interface Loaded {
  readonly names: ReadonlyMap<Dumper, readonly string[]>;
  readonly passedBy: BackupRecord["leaves"];
}

export interface LoadOptions {
  /** Larger homes are not loaded. */
  readonly homeBytes: number;
  /** The backup of what is live, if one was made: a home that is not in it must not be replaced. */
  readonly saved?: BackupRecord | undefined;
}

/**
 * Loads a backup's dumps beside what is live, and compares each with its dump. What an earlier restore has
 * left beside it goes first. A home that can't be loaded stays as it is.
 */
export async function loadDumps(
  archive: Archive,
  record: BackupRecord,
  dumpers: readonly Dumper[],
  { homeBytes, saved }: LoadOptions,
  step: Pick<Step, "update">,
): Promise<[Loaded, string]> {
  const names = new Map<Dumper, string[]>();
  const passedBy: BackupRecord["leaves"] = [];
  const failures: Error[] = [];
  let homes = 0;
  for (const dumper of dumpers) await dumper.prepare([...namesOf(record, dumper)]);
  const load = async (dumper: Dumper, { name, blob, bytes }: SavedDump) => {
    step.update(`${name} beside the live one`);
    const unsaved = dumper.kind === "home" && saved?.leaves.find(({ what }) => what === homeOf(name));
    if (unsaved)
      throw new DatalabError(
        "E_HOME_UNSAVED",
        `What is in it now could not be saved first: ${unsaved.why} \`--no-save\` replaces it nevertheless.`,
      );
    if (dumper.kind === "home" && bytes > homeBytes)
      throw new DatalabError(
        "E_HOME_LIMIT",
        `It has ${bytes} bytes, and \`backup.homes.size\` allows fewer.`,
      );
    await dumper.load(name, await archive.blobs.open(blob));
    const how = await dumper.differs(name, () => archive.blobs.open(blob));
    if (how === undefined) return;
    throw new DatalabError(
      "E_RESTORE_DIFFERS",
      `The ${dumper.kind} ${name} differs from its dump after loading (${how}). Nothing was replaced.`,
    );
  };
  for (const dumper of dumpers) {
    const loaded: string[] = [];
    names.set(dumper, loaded);
    for (const dump of record.dumps.filter((each) => isOf(dumper, each))) {
      try {
        await load(dumper, dump);
        loaded.push(dump.name);
        homes += dump.kind === "home" ? 1 : 0;
      } catch (error) {
        if (dumper.kind !== "home" || !isOfOneHome(error)) throw error;
        passedBy.push({ what: homeOf(dump.name), why: error.message });
        failures.push(error);
      }
    }
  }
  refuseAll(failures, homes);
  const count = [...names.values()].flat().length;
  const left = passedBy.length > 0 ? `; passed by: ${passedBy.map(({ what }) => what).join(", ")}` : "";
  return [{ names, passedBy }, `${count} loaded, each equal to its dump${left}`];
}

const namesOf = (record: BackupRecord, dumper: Dumper) =>
  record.dumps.filter((each) => isOf(dumper, each)).map(({ name }) => name);

/**
 * Puts what was loaded, and nothing else, in the place of what is live. Returns the homes that it could not
 * put there.
 */
export async function swapDumps({ names }: Loaded): Promise<Map<Dumper, Map<string, Error>>> {
  const failed = new Map<Dumper, Map<string, Error>>();
  for (const [dumper, loaded] of names) {
    const its = new Map<string, Error>();
    failed.set(dumper, its);
    if (loaded.length > 0) await dumper.swap(loaded, (name, error) => its.set(name, error));
  }
  return failed;
}

/** For people: what is in a home that could not be swapped. */
export const halfSwapped = (
  failed: ReadonlyMap<Dumper, ReadonlyMap<string, Error>>,
): BackupRecord["leaves"] =>
  [...failed.values()].flatMap((its) =>
    [...its].map(([name, error]) => ({
      what: homeOf(name),
      why: `${error.message} Its files are there, in part in .datalab-loaded and .datalab-replaced: run the restore again`,
    })),
  );
