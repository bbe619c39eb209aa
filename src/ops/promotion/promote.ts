import { type Edited, setPlatformValues } from "../../config/edit.ts";
import { platformJsonSchema } from "../../config/json-schema.ts";
import { loadEnvironment } from "../../config/load.ts";
import { ownVersions } from "../../config/promoted.ts";
import { declare } from "../../declare.ts";
import { DatalabError } from "../../errors.ts";
import { services } from "../../services/index.ts";
import { ensureStack, hasMasterSecret } from "../engine/stack.ts";
import { type PreviewResult, preview } from "../lifecycle/preview.ts";
import type { UpResult } from "../lifecycle/up.ts";
import { pushImages } from "../release/images-push.ts";
import { isSameRelease, type ReleaseRecord } from "../release/record.ts";
import { givenPlatform, listReleases } from "../release/release.ts";
import type { Reporter } from "../reporter.ts";
import { withStackLock } from "../stack-lock.ts";
import { fetchImages } from "../targets.ts";
import { type FieldChange, fieldsOf, type Part, parts, promotionChanges, rollbackChanges } from "./fields.ts";
import { checkSource, fileProblems, refusal } from "./source.ts";

/** What is about to happen to the target. */
export interface Promotion {
  readonly source: { readonly stack: string; readonly release: string; readonly commit: string | null };
  readonly target: string;
  readonly changes: readonly FieldChange[];
  readonly preview: PreviewResult;
}

export interface PromoteOptions {
  readonly project: string;
  readonly source: string;
  readonly target: string;
  readonly only?: readonly Part[];
  readonly dryRun: boolean;
  /** Whether the target is brought up in the end; otherwise its file is written, for a pull request. */
  readonly deploy: boolean;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
  /** Asked when everything is known, before anything but the file is touched. */
  readonly confirm: (promotion: Promotion) => Promise<boolean>;
}

export interface PromoteResult {
  readonly promotion: Promotion;
  /** Whether the target's file was changed for good. */
  readonly written: boolean;
  /** null: it was not brought up. */
  readonly deployed: UpResult | null;
}

/** Takes what runs in the source to the target. Throws, with every reason, when that would not be safe. */
export const promote = (options: PromoteOptions): Promise<PromoteResult> =>
  locked(options, (signal) => promoteLocked({ ...options, signal }));

async function promoteLocked(options: PromoteOptions): Promise<PromoteResult> {
  const { project, source, target } = options;
  const environment = loadEnvironment(project, target, services);
  const record = await checkSource(options, environment.config.promotion);
  const digests = await digestsFor(options, record, environment.config.images);
  const changes = promotionChanges({
    record,
    target: givenPlatform(project, target),
    schema: platformJsonSchema(environment.services),
    digests,
    promoted: {
      from: source,
      release: record.id,
      commit: record.git.commit as string,
      pipelines: ownVersions(project, loadEnvironment(project, source, services)),
    },
    only: options.only ?? parts,
  });
  return change(options, { stack: source, release: record.id, commit: record.git.commit }, changes);
}

interface Images {
  readonly source: "build" | "registry";
  readonly registry?: string | undefined;
}

/**
 * Digests of the source's images in the target's registry. What was built here is pushed, the very images
 * that run.
 */
async function digestsFor(
  options: PromoteOptions,
  record: ReleaseRecord,
  images: Images,
): Promise<Record<string, string>> {
  const { project, source, target, reporter, signal, dryRun } = options;
  if (images.source === "build") return {};
  const wrong = (problem: string) => refusal(source, target, [problem]);
  const known = Object.fromEntries(
    Object.entries(record.images).flatMap(([name, { digest }]) => (digest ? [[name, digest]] : [])),
  );
  const from = record.config.images as Images;
  if (from.source === "registry") {
    if (from.registry !== images.registry) {
      throw wrong(
        `images: expected both stacks to use one registry, received ${from.registry} and ${images.registry ?? "none"}: copy the images by digest and set images.registry`,
      );
    }
    return known;
  }
  if (!images.registry) throw wrong(`images.registry of ${target}: expected its registry, received nothing`);
  const complete = Object.keys(record.images).every((name) => known[name] !== undefined);
  if (dryRun) {
    if (complete) return known;
    throw wrong(
      `images: the images of ${source} are not in ${images.registry} yet, and a dry run pushes nothing; the promotion does`,
    );
  }
  // By force: the image that runs, not one of the same content that somebody else has built.
  const pushed = await pushImages({
    project,
    stack: source,
    to: images.registry,
    force: true,
    reporter,
    signal,
    note: false,
  });
  return Object.fromEntries(pushed.images.map(({ name, digest }) => [name, digest]));
}

/** Nobody else changes the target, or its file, from the first look at it to its update. */
const locked = <T>(
  { project, target: stack, signal, reporter }: Omit<PromoteOptions, "source" | "only">,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> => withStackLock({ project, stack, signal, reporter }, "datalab promote", work);

async function change(
  options: PromoteOptions,
  source: Promotion["source"],
  changes: readonly FieldChange[],
  restores?: string,
): Promise<PromoteResult> {
  const { project, target, reporter, signal, dryRun, deploy } = options;
  // What a new stack notes in its file for itself must not go when the rest is taken back.
  if (!hasMasterSecret(project, target)) await ensureStack(project, target);
  const edited: Edited = setPlatformValues(project, target, fieldsOf(changes));
  let keep = false;
  try {
    const { model } = declare(project, target);
    await fetchImages(model, { signal, onProgress: (line) => reporter.step("images").done(line) });
    const planned = await preview({ project, stack: target, reporter, signal, refresh: false });
    const promotion: Promotion = { source, target, changes, preview: planned };
    keep = !dryRun && (await options.confirm(promotion));
    if (!keep || !deploy) return { promotion, written: keep, deployed: null };
    const { up } = await import("../lifecycle/up.ts");
    const deployed = await up({
      project,
      stack: target,
      reporter,
      signal,
      setupSeconds: 0,
      ...(restores && { restores }),
    });
    return { promotion, written: true, deployed };
  } finally {
    if (!keep) edited.undo();
  }
}

/**
 * Brings back what ran in the target before its last release: images by digest, and the whole configuration.
 */
export const rollback = (options: Omit<PromoteOptions, "source" | "only">): Promise<PromoteResult> =>
  locked(options, (signal) => rollBack({ ...options, signal }));

async function rollBack(options: Omit<PromoteOptions, "source" | "only">): Promise<PromoteResult> {
  const { project, target } = options;
  const record = releaseBefore(await listReleases(project, target), target);
  const environment = loadEnvironment(project, target, services);
  const schema = platformJsonSchema(environment.services);
  const changes = rollbackChanges(record, givenPlatform(project, target), schema);
  const edited = setPlatformValues(project, target, fieldsOf(changes));
  try {
    // Images by digest come back by themselves; what is read from files must be the files of then.
    const stale = (await fileProblems(project, record, undefined)).filter(
      (p) => !p.includes(".yaml differs from what runs"),
    );
    if (stale.length > 0) {
      throw new DatalabError(
        "E_ROLLBACK",
        stale.map((problem) => `✖ ${problem.replace("what runs", "what is restored")}`).join("\n"),
        {
          hint: `Nothing was changed. Check out the files of that release first: git checkout ${record.git.commit ?? "(it was in no commit)"} -- pipelines src`,
        },
      );
    }
  } finally {
    edited.undo();
  }
  const source = { stack: target, release: record.id, commit: record.git.commit };
  return change({ ...options, source: target }, source, changes, record.id);
}

/**
 * The release before the last one that was something else; a release that was brought back counts as what it
 * brought back.
 */
export function releaseBefore(records: readonly ReleaseRecord[], stack: string): ReleaseRecord {
  const latest = records.at(-1);
  const now = records.find(({ id }) => id === (latest?.restores ?? latest?.id));
  const until = now ? records.indexOf(now) : 0;
  const before = records
    .slice(0, until)
    .findLast((record) => record.restores === null && now !== undefined && !isSameDeployment(record, now));
  if (before) return before;
  throw new DatalabError("E_ROLLBACK", `The stack ${stack} has no earlier release for a rollback.`, {
    hint: `./datalab release list --stack ${stack}`,
  });
}

/** Whether two releases deploy the same, from whatever commit. */
const isSameDeployment = (one: ReleaseRecord, other: ReleaseRecord): boolean =>
  isSameRelease({ ...one, git: other.git, schema: other.schema }, other);
