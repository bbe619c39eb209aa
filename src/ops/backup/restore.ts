import { DatalabError } from "../../errors.ts";
import type { ServiceOutput } from "../../outputs/platform.ts";
import { type Reporter, runStep } from "../reporter.ts";
import { controlServices, ingressRoute } from "../services/control.ts";
import { platformCore } from "../services/core-client.ts";
import { dependentsOf } from "../services/selection.ts";
import { withStackLock } from "../stack-lock.ts";
import { type Archive, openArchive } from "./archive.ts";
import { restoreBuckets, type WrittenObjects } from "./buckets.ts";
import { backUp } from "./create.ts";
import { byDumper, halfSwapped, loadDumps, swapDumps } from "./dumps.ts";
import { skipped } from "./list.ts";
import { type BackupRecord, contentsOf } from "./record.ts";
import { type DataSource, openSource } from "./source.ts";
import { verifyBackup } from "./verify.ts";

export interface RestoreOptions {
  readonly project: string;
  readonly stack: string;
  /** The stack that the backup is of. */
  readonly from: string;
  /** Its id, or `latest`. */
  readonly backup: string;
  /** Whether what the stack holds now is saved first. */
  readonly saveFirst: boolean;
  /**
   * Whether every object that is written is read back and compared. @default false: the store checks what it
   * is sent
   */
  readonly readBack?: boolean;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
  /** Asked when the backup has been read back, and nothing touched. */
  readonly confirm: (record: BackupRecord) => Promise<boolean>;
}

/** `datalab backup restore --json`. */
export interface Restored {
  readonly stack: string;
  readonly from: string;
  readonly backup: string;
  readonly restored: boolean;
  /** The backup of what the stack held before; null: none was made. */
  readonly before: string | null;
  readonly databases: number;
  readonly homes: number;
  readonly objects: WrittenObjects;
  /** Homes of the backup that could not be restored, with the reason; they are as they were. */
  readonly passedBy: BackupRecord["leaves"];
  /** Services that were stopped for it and are healthy again. */
  readonly services: readonly string[];
  readonly seconds: number;
}

/**
 * Makes the databases and buckets of a running stack what they are in a backup. The backup is read to its end
 * before anything is touched, what needs the data is stopped, what the stack holds is saved, and each
 * database is compared with its dump before all of them take their places at once. Objects are made equal one
 * by one: an interrupted restore is finished by the same call.
 */
export async function restoreBackup(options: RestoreOptions): Promise<Restored> {
  const { project, stack, from, reporter, signal } = options;
  const started = performance.now();
  const archive = await openArchive(project, from);
  try {
    const record = await archive.find(options.backup, skipped(reporter));
    const source = await openSource(project, stack);
    try {
      await checkTarget(record, source, stack);
      await verifyBackup({ reporter, signal }, archive, record);
      const result = {
        stack,
        from,
        backup: record.id,
        restored: false,
        before: null,
        databases: 0,
        homes: 0,
        objects: { written: 0, equal: 0, removed: 0 },
        passedBy: [],
        services: [],
        seconds: 0,
      };
      if (!(await options.confirm(record))) return result;
      const made = await withStackLock(options, `datalab backup restore ${record.id}`, (held) =>
        exchangeLocked({ ...options, signal: held }, archive, record),
      );
      return { ...result, ...made, restored: true, seconds: (performance.now() - started) / 1000 };
    } finally {
      source.close();
    }
  } finally {
    archive.close();
  }
}

/**
 * Looks again before anything is touched: while the backup was read, and while a person was asked, others may
 * have pruned it or taken the stack down.
 */
async function exchangeLocked(options: RestoreOptions, archive: Archive, { id }: BackupRecord) {
  const record = await archive.find(id);
  const source = await openSource(options.project, options.stack);
  try {
    await checkTarget(record, source, options.stack);
    return await exchange(options, archive, record, source);
  } finally {
    source.close();
  }
}

/**
 * Everything of a backup must have a place in the stack: what is missing is said at once, before anything is
 * touched.
 */
async function checkTarget(record: BackupRecord, source: DataSource, stack: string): Promise<void> {
  const lacking: string[] = [];
  for (const [dumper, dumps] of byDumper(record, source.dumpers)) {
    const names = dumps.map(({ name }) => name);
    const refused = dumper ? await dumper.refuses(names) : names;
    for (const { kind, name } of dumps)
      if (refused.includes(name))
        lacking.push(kind === "home" ? `no home of ${name}` : `no database ${name}`);
  }
  if (!source.objects.own) {
    const names = await source.objects.names();
    lacking.push(...record.buckets.filter((b) => !names.includes(b.name)).map((b) => `no bucket ${b.name}`));
  }
  if (lacking.length === 0) return;
  throw new DatalabError(
    "E_BACKUP_TARGET",
    `The backup ${record.id} does not fit the stack ${stack}, which has ${lacking.join(", ")}. Nothing was changed.`,
    {
      hint: `Enable the services of the backup (release ${record.release} of ${record.stack}), run ./datalab up, and restore again.`,
    },
  );
}

async function exchange(
  options: RestoreOptions,
  archive: Archive,
  record: BackupRecord,
  source: DataSource,
): Promise<Pick<Restored, "before" | "databases" | "homes" | "objects" | "passedBy" | "services">> {
  const { project, stack, reporter, signal, saveFirst } = options;
  const { platform, holders, dumpers } = source;
  let before: string | null = null;
  let saved: BackupRecord | undefined;
  let touched = false;
  const entrance = ingressRoute(platform);
  const dependents = dependentsOf(platform, holders);
  const affected = platform.services.filter(
    (service) =>
      (dependents.includes(service) || source.stopped.includes(service)) && !entrance.includes(service),
  );
  const control = {
    project,
    platform,
    core: platformCore(project, platform),
    runtime: source.runtime,
    names: affected.map(({ name }) => name),
    all: false,
    withDependents: true,
    reporter,
    signal,
  };
  const start = () => (affected.length > 0 ? controlServices("start", control) : []);
  try {
    if (affected.length > 0) await controlServices("stop", control);
    if (saveFirst) {
      const own = options.from === stack ? archive : await openArchive(project, stack);
      ({ record: saved } = await backUp(options, own, source));
      if (own !== archive) own.close();
      before = saved.id;
    }
    const { databases, homes } = contentsOf(record);
    const loaded = await runStep(reporter, homes > 0 ? "databases, homes" : "databases", (step) =>
      loadDumps(archive, record, dumpers, { homeBytes: source.homeBytes, saved }, step),
    );
    touched = true;
    const objects = await runStep(reporter, "objects", (step) =>
      restoreBuckets(archive, record, source, options, step),
    );
    const failed = await swapDumps(loaded);
    const started = await start();
    await runStep(reporter, "one-shots", () => rerunOneShots(source, affected));
    for (const dumper of dumpers) await dumper.discard([...(failed.get(dumper)?.keys() ?? [])]);
    const passedBy = [...loaded.passedBy, ...halfSwapped(failed)];
    const ill = started.filter(({ state }) => state !== "healthy").map(({ name }) => name);
    if (ill.length > 0) throw notHealthy(record, ill, before, stack);
    return {
      ...{ before, databases, homes: homes - passedBy.length, objects, passedBy },
      services: started.map(({ name }) => name),
    };
  } catch (error) {
    if (!touched) {
      await Promise.all(dumpers.map((dumper) => dumper.discard().catch(() => {})));
      await controlServices("start", { ...control, signal: new AbortController().signal });
      throw error;
    }
    if (error instanceof DatalabError && error.code === "E_RESTORE_UNHEALTHY") throw error;
    throw halfWay(record, error, before, options);
  }
}

/**
 * What registers itself with a service has to do it again: the service may know an earlier version of it, or
 * none.
 */
async function rerunOneShots(
  { runtime }: DataSource,
  services: readonly ServiceOutput[],
): Promise<[undefined, string]> {
  const again = services.flatMap(({ workloads }) => workloads.filter(({ oneShot }) => oneShot));
  for (const { instance } of again) await runtime.rerun(instance);
  return [undefined, again.map(({ name }) => name).join(", ") || "none"];
}

const wayBack = (before: string | null, stack: string): string =>
  before === null
    ? ""
    : ` To go back to the previous data: ./datalab backup restore ${before} --stack ${stack}`;

function halfWay(
  record: BackupRecord,
  error: unknown,
  before: string | null,
  { stack, from }: RestoreOptions,
): DatalabError {
  const own = from === stack ? "" : ` --from ${from}`;
  return new DatalabError(
    "E_RESTORE_INCOMPLETE",
    `The restore of ${record.id} is incomplete: ${(error as Error).message} Services that need the data stay stopped.`,
    {
      ...(error instanceof DatalabError && { exitCode: error.exitCode }),
      hint: `To continue: ./datalab backup restore ${record.id}${own} --stack ${stack}.${wayBack(before, stack)}`,
      cause: error,
    },
  );
}

function notHealthy(
  record: BackupRecord,
  ill: readonly string[],
  before: string | null,
  stack: string,
): DatalabError {
  return new DatalabError(
    "E_RESTORE_UNHEALTHY",
    `The data of ${record.id} is restored, but these checks fail: ${ill.join(", ")}.`,
    { hint: `./datalab services health --stack ${stack}.${wayBack(before, stack)}` },
  );
}
