import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { hostname, userInfo } from "node:os";
import { stackFile } from "../../config/load.ts";
import { deploymentTargetOf } from "../../declare.ts";
import { volumeName } from "../../model/names.ts";
import { gitState } from "../git.ts";
import { readObject, traitsOf } from "../object-store/copy.ts";
import { type Listed, objectsOf, parallel } from "../object-store/inventory.ts";
import { lastLines } from "../process.ts";
import { type Reporter, runStep, type Step } from "../reporter.ts";
import { withStackLock } from "../stack-lock.ts";
import { hostOf } from "../targets.ts";
import { timeId } from "../time-id.ts";
import { type Archive, openArchive } from "./archive.ts";
import { saveDumps } from "./dumps.ts";
import {
  type BackupRecord,
  type Contents,
  contentsOf,
  type SavedBucket,
  type SavedDump,
  type SavedObject,
  type Verification,
} from "./record.ts";
import { type DataSource, openSource } from "./source.ts";
import { verifyBackup } from "./verify.ts";

export interface BackupOptions {
  readonly project: string;
  readonly stack: string;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
}

/** `datalab backup create --json`, and a line of `backup list --json`. */
export interface Backup extends Contents {
  readonly id: string;
  readonly stack: string;
  readonly at: string;
  readonly place: string;
  readonly release: string;
  /** When all of it was last read back; null: never. */
  readonly verified: string | null;
  readonly leaves: BackupRecord["leaves"];
  readonly repaired: BackupRecord["repaired"];
}

export const backupOf = (record: BackupRecord, archive: Archive, verified?: Verification): Backup => ({
  id: record.id,
  stack: record.stack,
  at: record.begun,
  place: archive.place,
  release: record.release,
  verified: verified?.at ?? null,
  ...contentsOf(record),
  leaves: record.leaves,
  repaired: record.repaired,
});

/**
 * Saves every database and object of a running stack, and reads all of it back. Nothing is stopped for it.
 */
export async function createBackup(options: BackupOptions): Promise<Backup> {
  // A prune must not take away what this one finds in the archive and builds on.
  return withStackLock(options, "datalab backup create", (signal) => create({ ...options, signal }));
}

async function create(options: BackupOptions): Promise<Backup> {
  const { project, stack } = options;
  const archive = await openArchive(project, stack);
  const source = await openSource(project, stack).catch((error: unknown) => {
    archive.close();
    throw error;
  });
  try {
    const { record, verified } = await backUp(options, archive, source);
    await runStep(options.reporter, "monitoring", async () => [
      undefined,
      await tellMonitoring(source, record),
    ]);
    return backupOf(record, archive, verified);
  } finally {
    source.close();
    archive.close();
  }
}

/** The alert for a late backup counts from it. That nobody could be told makes the backup no worse. */
async function tellMonitoring({ platform, runtime }: DataSource, { begun }: BackupRecord): Promise<string> {
  const { backups } = platform.tools;
  if (!backups) return "not reported: run ./datalab up to update the core";
  const ran = await runtime
    .exec(backups.instance, [...backups.command, begun], { timeoutSeconds: 30 })
    .catch((error: Error) => ({ code: 1, stderr: error.message }));
  return ran.code === 0 ? "reported" : `not reported: ${lastLines(ran.stderr, 1)}`;
}

/** Saves a running stack, and reads back all that the backup relies on. */
export async function backUp(
  options: BackupOptions,
  archive: Archive,
  source: DataSource,
): Promise<{ readonly record: BackupRecord; readonly verified: Verification }> {
  const record = await saveAll(options, archive, source);
  // What earlier backups have left was read before it was relied on, so that it could be written anew.
  return { record, verified: await verifyBackup(options, archive, record, archive.blobs.checkOnce) };
}

/**
 * Databases first, each as one transaction sees it, then objects, of which the logs of tables come before the
 * files that they name: whatever something refers to is there.
 */
async function saveAll(
  { project, stack, reporter, signal }: BackupOptions,
  archive: Archive,
  source: DataSource,
): Promise<BackupRecord> {
  const begun = new Date();
  const before = await archive.latest();
  const { commit } = await gitState(project, stack);
  const left: { what: string; why: string }[] = [];
  const saved = (kind: SavedDump["kind"]) => (step: Step) =>
    saveDumps(
      archive,
      source.dumpers.filter((dumper) => dumper.kind === kind),
      signal,
      step,
      (what, why) => left.push({ what, why }),
    );
  const dumps = await runStep(reporter, "databases", saved("database"));
  if (source.stopped.length > 0) dumps.push(...(await runStep(reporter, "homes", saved("home"))));
  const buckets = await runStep(reporter, "objects", (step) =>
    saveBuckets(archive, source, before, signal, step),
  );
  const { covers, platform } = source;
  const holders = [...source.holders, ...source.stopped];
  const { volumes } = await (await hostOf(deploymentTargetOf(project, stack))).inventory(stack, {
    sizes: false,
  });
  // What the program writes itself comes with the next up.
  const written = new Set(
    platform.services.flatMap((s) => s.workloads.map((w) => volumeName(stack, w.name, "files"))),
  );
  const sentence = new Map(platform.services.map(({ name, backup }) => [name, backup]));
  const record: BackupRecord = {
    format: 1,
    id: `${timeId(begun.toISOString())}-${randomBytes(2).toString("hex")}`,
    stack,
    target: platform.target,
    begun: begun.toISOString(),
    ended: new Date().toISOString(),
    by: { user: userInfo().username, host: hostname() },
    release: platform.release,
    commit,
    config: readFileSync(stackFile(project, stack), "utf8"),
    dumps,
    buckets,
    covers: [...covers],
    leaves: [
      ...(source.dumpers.every(({ kind }) => kind !== "database")
        ? [{ what: "databases", why: "they are on an external server, which needs its own backups" }]
        : []),
      ...volumes
        .filter(({ name, service }) => !written.has(name) && !holders.some((each) => each.name === service))
        .map(({ name, service }) => ({
          what: name,
          why: sentence.get(service) ?? "its service is unknown",
        })),
      ...left,
    ],
    repaired: [...archive.blobs.repaired],
  };
  await archive.write(record);
  return record;
}

async function saveBuckets(
  archive: Archive,
  { objects }: DataSource,
  before: BackupRecord | undefined,
  signal: AbortSignal,
  step: Pick<Step, "update">,
): Promise<[SavedBucket[], string]> {
  const known = new Map(
    before?.buckets.flatMap(({ name, objects: all }) => all.map((o) => [`${name}/${o.key}`, o] as const)),
  );
  let done = 0;
  let read = 0;
  const save = async (name: string, listed: Listed): Promise<SavedObject | undefined> => {
    const at = { Bucket: objects.at(name), Key: listed.key };
    const traits = await traitsOf(objects.client, at);
    // Deleted since it was listed.
    if (!traits) return undefined;
    const { key, etag, modified } = listed;
    const same = known.get(`${name}/${key}`);
    if (same?.etag === etag && same.modified === modified && (await archive.blobs.holds(same.blob))) {
      return { ...same, traits };
    }
    const content = await readObject(objects.client, at);
    if (!content) return undefined;
    const { id, sha256, bytes } = await archive.blobs.save(content);
    read += 1;
    return { key, blob: id, sha256, etag, modified, traits: { ...traits, size: bytes } };
  };
  const buckets: SavedBucket[] = [];
  for (const name of await objects.names()) {
    const saved: SavedObject[] = [];
    for (const isLog of [true, false]) {
      const wanted = filtered(
        objectsOf(objects.client, objects.at(name)),
        (key) => isTableLog(key) === isLog,
      );
      await parallel(wanted, signal, async (listed) => {
        const object = await save(name, listed);
        if (object) saved.push(object);
        done += 1;
        step.update(`${done}, in ${name}`);
      });
    }
    buckets.push({ name, objects: saved.sort((a, b) => (a.key < b.key ? -1 : 1)) });
  }
  return [buckets, `${done}, ${read} of them new or changed`];
}

/** Delta keeps a table's versions there, and writes one when the files that it names are there. */
const isTableLog = (key: string): boolean => key.includes("/_delta_log/");

async function* filtered(listed: AsyncGenerator<Listed>, wanted: (key: string) => boolean) {
  for await (const each of listed) if (wanted(each.key)) yield each;
}
