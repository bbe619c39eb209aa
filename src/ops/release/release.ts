import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { hostname, userInfo } from "node:os";
import { readDocument } from "../../config/document.ts";
import { platformJsonSchema } from "../../config/json-schema.ts";
import { stackFile } from "../../config/load.ts";
import { ownerOf } from "../../config/ownership.ts";
import { DatalabError } from "../../errors.ts";
import type { Environment } from "../../model/environment.ts";
import type { PlatformModel } from "../../model/platform.ts";
import type { PlatformOutput } from "../../outputs/platform.ts";
import { version } from "../../version.ts";
import type { EngineStep } from "../engine/engine.ts";
import { opOf } from "../engine/plan-events.ts";
import { gitState } from "../git.ts";
import { timeId } from "../time-id.ts";
import { capacityOf } from "./capacity.ts";
import { leavesOf, valueAt } from "./config-diff.ts";
import { releaseImages } from "./images.ts";
import { isSameRelease, type ReleaseRecord } from "./record.ts";
import { type ReleaseStore, releaseStore } from "./store.ts";

export interface Deployed {
  readonly project: string;
  readonly environment: Environment;
  readonly model: PlatformModel;
  readonly platform: PlatformOutput;
  readonly changes: Readonly<Record<string, number>>;
  readonly steps: readonly EngineStep[];
  /** The earlier release that this update brings back. */
  readonly restores?: string;
  readonly now?: Date;
}

/**
 * Records what a successful up has deployed, and returns its id. An up that changed nothing and was made from
 * the same commit and configuration as the last one is that release, and is not recorded again.
 */
export async function recordRelease(
  deployed: Deployed,
  store: ReleaseStore = releaseStore(deployed.project),
): Promise<string> {
  const record = await makeRecord(deployed);
  const last = (await store.ids(record.stack)).at(-1);
  if (last !== undefined && record.steps.length === 0 && record.restores === null) {
    const before = await store.read(record.stack, last).catch(() => undefined);
    if (before && isSameRelease(before, record)) return before.id;
  }
  await store.write(record);
  return record.id;
}

async function makeRecord(deployed: Deployed): Promise<ReleaseRecord> {
  const { project, environment, model, platform, changes } = deployed;
  const { stack, target } = model;
  const at = (deployed.now ?? new Date()).toISOString();
  const [git, images] = await Promise.all([gitState(project, stack), releaseImages(model)]);
  const schema = platformJsonSchema(environment.services);
  const workloads = model.services.flatMap((s) => s.workloads);
  const promoted = environment.config.promoted;
  return {
    format: 1,
    id: `${timeId(at)}-${platform.release.slice(0, 8)}`,
    stack,
    target,
    at,
    by: { user: userInfo().username, host: hostname() },
    content: platform.release,
    git: { commit: git.commit, dirty: [...git.dirty] },
    schema: { version: version(), config: hash(schema) },
    images,
    services: Object.fromEntries(model.services.map((s) => [s.name, s.version])),
    pipelines: Object.fromEntries(model.pipelines.map((p) => [p.name, p.version])),
    given: givenWithoutSecrets(project, environment),
    config: withoutSecrets(environment.config, environment),
    capacity: capacityOf(model),
    volumes: workloads.flatMap((w) =>
      w.volumes.map((v) => ({ name: `${w.name}-${v.name}`, service: w.service, policy: v.policy })),
    ),
    changes: { ...changes },
    steps: madeSteps(deployed.steps),
    promoted: promoted ? { from: promoted.from, release: promoted.release } : null,
    restores: deployed.restores ?? null,
  };
}

/** What was done, in the words of a preview: a replacement is one step. */
function madeSteps(steps: readonly EngineStep[]): ReleaseRecord["steps"] {
  const made = new Map<string, ReleaseRecord["steps"][number]>();
  for (const { op: told, state, type, name, urn } of steps) {
    const op = opOf(told);
    if (state === "done" && op !== undefined) made.set(urn, { op, type, name });
  }
  return [...made.values()];
}

/** `datalab:platform` as it stands in a stack's file. */
export function givenPlatform(project: string, stack: string): Record<string, unknown> {
  const path = stackFile(project, stack);
  if (!existsSync(path)) return {};
  const value = readDocument(project, path).value as { config?: Record<string, unknown> } | null;
  return (value?.config?.["datalab:platform"] ?? {}) as Record<string, unknown>;
}

/** The same without what is made from secrets, as a record keeps it. */
export const givenWithoutSecrets = (project: string, environment: Environment): Record<string, unknown> =>
  withoutSecrets(givenPlatform(project, environment.stack), environment);

/** Values that are secrets, or made from them, are left out; versions of secrets are none. */
function withoutSecrets(config: object, environment: Environment): Record<string, unknown> {
  const schema = platformJsonSchema(environment.services);
  const kept: Record<string, unknown> = {};
  for (const [, path] of leavesOf(config)) {
    const value = valueAt(config, path);
    if (ownerOf(schema, path) === "secrets" && typeof value !== "number") continue;
    let inner = kept;
    for (const key of path.slice(0, -1)) {
      inner[key] ??= {};
      inner = inner[key] as Record<string, unknown>;
    }
    inner[path.at(-1) as string] = value;
  }
  return kept;
}

const hash = (value: unknown): string =>
  createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 16);

/** The last release of a stack; undefined when none is recorded, or it can't be read. */
export async function lastRelease(project: string, stack: string): Promise<ReleaseRecord | undefined> {
  const store = releaseStore(project);
  const id = (await store.ids(stack)).at(-1);
  return id === undefined ? undefined : store.read(stack, id).catch(() => undefined);
}

/** All releases of a stack, oldest first. */
export async function listReleases(project: string, stack: string): Promise<readonly ReleaseRecord[]> {
  const store = releaseStore(project);
  return Promise.all((await store.ids(stack)).map((id) => store.read(stack, id)));
}

/**
 * A release by its id or the beginning of it, `latest`, or `previous`; `staging:latest` is another stack's.
 */
export async function findRelease(project: string, stack: string, word: string): Promise<ReleaseRecord> {
  const [, other, name] = /^(?:([a-z][a-z0-9-]*):)?(.+)$/.exec(word) ?? [];
  const owner = other ?? stack;
  const store = releaseStore(project);
  const ids = await store.ids(owner);
  if (ids.length === 0) {
    throw new DatalabError("E_RELEASE", `No release of the stack ${owner} is recorded in ${store.place}.`, {
      hint: `./datalab up --stack ${owner} records what it deploys.`,
    });
  }
  const places: Record<string, number> = { latest: -1, previous: -2 };
  const place = places[name ?? ""];
  const found = place === undefined ? ids.filter((id) => id.startsWith(name ?? "")) : [ids.at(place)];
  const [id] = found;
  if (found.length === 1 && id !== undefined) return store.read(owner, id);
  throw new DatalabError(
    "E_RELEASE",
    found.length > 1
      ? `${JSON.stringify(name)} begins ${found.length} releases of the stack ${owner}.`
      : `The stack ${owner} has no release ${name}.`,
    { hint: `./datalab release list --stack ${owner}` },
  );
}
