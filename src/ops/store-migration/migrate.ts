import { declare } from "../../declare.ts";
import { DatalabError } from "../../errors.ts";
import { imageReference } from "../../images/reference.ts";
import { imagesOf } from "../../model/images.ts";
import type { StoreEngine } from "../../services/object-store/engine.ts";
import { type EngineName, storeEngines } from "../../services/object-store.ts";
import { throwIfAborted } from "../abort.ts";
import { engineNames, publishedUrl, type Store, storeInstance, storeWith } from "../object-store/engines.ts";
import { type BucketReport, connect, mirror, type StoreAccess } from "../object-store/inventory.ts";
import { buildImages } from "../release/images-build.ts";
import { type Reporter, runStep } from "../reporter.ts";
import { readPlatformAndCredentials } from "../services/credentials.ts";
import { agentFor, ingressRouteOf } from "../services/ingress-route.ts";
import { orchestratorOf, quiesce, resume } from "../services/quiesce.ts";
import { withStackLock } from "../stack-lock.ts";
import type { RunningStore, StoreHost } from "../store-host.ts";
import { hostOf } from "../targets.ts";
import { holderOf } from "./holder.ts";
import { forget, type Journal, readJournal, writeJournal } from "./journal.ts";
import { checkKeys } from "./keys.ts";
import { type Parts, switchOver } from "./switch.ts";

export interface MigrateOptions {
  readonly project: string;
  readonly stack: string;
  readonly to: string;
  readonly dryRun: boolean;
  /** Seconds that runs under way have to end. */
  readonly timeoutSeconds: number;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
  /** Asked when everything has been looked at and nothing touched. */
  readonly confirm: (plan: MigrationPlan) => Promise<boolean>;
}

export interface MigrationPlan {
  readonly stack: string;
  readonly from: EngineName;
  readonly to: EngineName;
}

export interface Kept {
  readonly volume: string;
  /** The command that removes it. */
  readonly remove: string;
}

export interface Migration extends MigrationPlan {
  readonly dryRun: boolean;
  /** Whether the stack runs on `to` now. */
  readonly moved: boolean;
  readonly buckets: readonly BucketReport[];
  /** What the objects were moved from. */
  readonly kept: Kept | null;
  readonly seconds: number;
}

/**
 * Moves all objects of a stack to another engine. Nothing writes meanwhile: runs are waited for, and the
 * store answers nobody but this. Whatever fails before the switch leaves the stack on the engine that it had;
 * the next call goes on with what was copied.
 */
export async function migrateStore(options: MigrateOptions): Promise<Migration> {
  const { project, stack, signal, reporter } = options;
  const started = performance.now();
  const to = engineName(options.to);
  const { environment } = declare(project, stack);
  const target = storeWith(environment, to);
  const host = await hostOf(target.model);
  const { platform, credentials } = await readPlatformAndCredentials(project, stack);
  if (target.model.images.source === "build") await buildImages(imagesOf(target.model), { reporter, signal });
  const image = imageReference(target.workload.image, target.model.images);
  const from = await holderOf(host.stores, stack, target.workload, image);
  const parts: Parts = { ...options, to, target, host, image, platform, credentials };
  const result = (buckets: readonly BucketReport[], moved: boolean, source = from): Migration => ({
    stack,
    from: source,
    to,
    dryRun: options.dryRun,
    moved,
    buckets,
    kept:
      moved && source !== to
        ? keptBy(host.stores, stack, target, storeWith(environment, source), source)
        : null,
    seconds: (performance.now() - started) / 1000,
  });
  const journal = readJournal(project, stack);
  const locked = <T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> =>
    withStackLock(options, `datalab data migrate-store --to ${to}`, work);
  if (from === to) {
    if (options.dryRun) return result([], false);
    await locked((held) => switchOver({ ...parts, signal: held }, journal, { ready: true }));
    return result(journal?.buckets ?? [], journal !== undefined, journal?.from ?? from);
  }
  if (options.dryRun) return result(await lookAt(parts), false);
  if (!(await options.confirm({ stack, from, to }))) return result([], false);

  const buckets = await locked(async (held) => {
    const own = { ...parts, signal: held };
    const noted: Journal = { from, to, pools: journal?.pools ?? [], buckets: [] };
    const moved = await moveObjects(own, from, noted);
    await switchOver(own, { ...noted, ...readJournal(project, stack), buckets: moved }, { ready: false });
    return moved;
  });
  return result(buckets, true);
}

/** Ends with both engines stopped and everything in the target; on any failure all is as before. */
async function moveObjects(parts: Parts, from: EngineName, journal: Journal): Promise<BucketReport[]> {
  const { project, stack, to, target, host, reporter, signal, platform, credentials } = parts;
  const source = storeWith(declare(project, stack).environment, from);
  const client = orchestratorOf(platform, credentials);
  let pools = journal.pools;
  let isStopped = false;
  const running: RunningStore[] = [];
  try {
    await host.stores.removeInstances(stack);
    if (client) {
      await runStep(reporter, "pipelines", async (step) => {
        const quiet = await quiesce(client, {
          signal,
          timeoutSeconds: parts.timeoutSeconds,
          onWaiting: (runs) => step.update(`waiting for ${runs} ${runs === 1 ? "run" : "runs"}`),
          onPause: (paused) => {
            pools = [...new Set([...pools, ...paused])];
            writeJournal(project, stack, { ...journal, pools });
          },
        });
        return [undefined, quiet.pools.length === 0 ? "already paused" : `paused ${quiet.pools.join(", ")}`];
      });
    }
    isStopped = true;
    await host.stores.stopInstance(stack, source.workload.name);
    const start = async (name: EngineName, store: Store) => {
      throwIfAborted(signal);
      const started = await host.stores.start(storeInstance(store, name, (id) => credentials.value(id)));
      running.push(started);
      return connect(accessTo(parts, started.url));
    };
    const [old, next] = await runStep(reporter, "engines", async () => [
      [await start(from, source), await start(to, target)] as const,
      `${from} and ${to}, beside the stack`,
    ]);
    const found = await checkKeys(old, to);
    const buckets = await runStep(reporter, "objects", async (step) => {
      let done = 0;
      const onObject = (bucket: string) => {
        done += 1;
        step.update(`${done} of ${sum(found, "objects")}, in ${bucket}`);
      };
      return [await mirror(old, next, { signal, onObject }), `${done}, equal by SHA-256 on both sides`];
    });
    for (const each of running.splice(0)) await each.stop();
    return buckets;
  } catch (error) {
    await backToBefore();
    throw error;
  }

  function backToBefore(): Promise<void> {
    return runStep(reporter, `back to ${from}`, async () => {
      for (const each of running.splice(0)) await each.stop();
      await host.stores.removeInstances(stack);
      if (isStopped) await host.stores.startInstance(stack, source.workload.name);
      if (client) await resume(client, pools);
      forget(project, stack);
      return [undefined, "the stack runs on its old engine again"];
    });
  }
}

function engineName(text: string): EngineName {
  const name = engineNames.find((each) => each === text);
  if (name) return name;
  throw new DatalabError(
    "E_USAGE",
    `--to: expected one of ${engineNames.join(", ")}, received ${JSON.stringify(text)}`,
  );
}

/** Looks at what would be moved, through the store that serves; nothing is touched. */
async function lookAt(parts: Parts): Promise<BucketReport[]> {
  const { platform, target, to } = parts;
  const url = publishedUrl(target, platform, "A dry run reads it there");
  return checkKeys(connect({ ...accessTo(parts, url), agent: agentFor(ingressRouteOf(platform)) }), to);
}

const accessTo = ({ target, credentials }: Parts, url: string): StoreAccess => ({
  url,
  accessKey: target.admin.user,
  secretKey: credentials.value(target.admin.secret),
});

export const sum = (buckets: readonly BucketReport[], what: "objects" | "bytes"): number =>
  buckets.reduce((all, report) => all + report[what], 0);

/** Where the objects were moved from, and how that goes when it is no longer wanted. */
function keptBy(stores: StoreHost, stack: string, target: Store, source: Store, engine: EngineName): Kept {
  const { keeps }: StoreEngine = storeEngines[engine];
  const { name, volumes } = source.workload;
  const own = volumes.find(({ path }) => keeps.every((kept) => kept.startsWith(`${path}/`)));
  if (!own) throw new Error(`${engine} has no volume of its own`);
  // A volume that the new engine mounts too can't go as a whole: it says which engine holds the objects.
  const isMounted = target.workload.volumes.some((each) => each.name === own.name);
  return stores.removal(stack, name, own.name, ...(isMounted ? [keeps] : []));
}
