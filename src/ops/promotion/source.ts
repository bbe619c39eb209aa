import { isDeepStrictEqual } from "node:util";
import { type Declared, declare } from "../../declare.ts";
import { DatalabError } from "../../errors.ts";
import { drift } from "../lifecycle/drift.ts";
import { releaseImages } from "../release/images.ts";
import { isSameImage, type ReleaseRecord } from "../release/record.ts";
import { givenWithoutSecrets, lastRelease } from "../release/release.ts";
import { type Reporter, runStep } from "../reporter.ts";
import { platformCore } from "../services/core-client.ts";
import { readPlatform } from "../services/platform.ts";
import { platformStatus } from "../services/services.ts";

export interface SourceOptions {
  readonly project: string;
  readonly source: string;
  readonly target: string;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
}

/** Why a stack can't be promoted from or to, in the order of the stacks. */
export function orderProblem(order: readonly string[], source: string, target: string): string | undefined {
  const [from, to] = [order.indexOf(source), order.indexOf(target)];
  const unknown = [source, target].filter((stack) => !order.includes(stack));
  if (unknown.length > 0)
    return `order: expected stacks of ${order.join(" → ")}, received ${unknown.join(" and ")}`;
  if (to === from + 1) return undefined;
  if (to <= from)
    return `order: expected a stack after ${source} in ${order.join(" → ")}, received ${target}`;
  return `order: expected ${order[from + 1]} after ${source}, received ${target}: ${order.slice(from + 1, to).join(", ")} would be skipped`;
}

/** What runs in the source, as it was recorded. Throws one error with every reason not to promote it. */
export async function checkSource(options: SourceOptions, order: readonly string[]): Promise<ReleaseRecord> {
  const { project, source, target, reporter } = options;
  return runStep(reporter, `check ${source}`, async () => {
    const problems: string[] = [];
    const wrongOrder = orderProblem(order, source, target);
    if (wrongOrder) problems.push(wrongOrder);
    const platform = await readPlatform(project, source);
    const record = await lastRelease(project, source);
    if (!record)
      problems.push(`release: expected a record of what runs, received none: ./datalab up --stack ${source}`);
    else if (record.content !== platform.release)
      problems.push(
        `release: expected a record of what runs (${platform.release}), received one of ${record.content}: it was deployed in another way`,
      );
    if (record) {
      problems.push(...gitProblems(record));
      problems.push(...(await fileProblems(project, record)));
    }
    problems.push(...(await healthProblems(project, platform)));
    const { items } = await drift({ ...options, stack: source });
    problems.push(...items.map((i) => `drift: ${i.kind} ${i.name}: ${i.details} (${i.what})`));
    if (problems.length > 0 || !record) throw refusal(source, target, problems);
    return [record, record.id];
  });
}

export function refusal(source: string, target: string, problems: readonly string[]): DatalabError {
  return new DatalabError("E_PROMOTE", problems.map((problem) => `✖ ${problem}`).join("\n"), {
    hint: `Nothing was promoted from ${source} to ${target}, and no file was changed.`,
  });
}

export function gitProblems({ git, stack }: ReleaseRecord): string[] {
  if (git.commit === null)
    return [`git: expected ${stack} to be deployed from a commit, received files that are in no repository`];
  if (git.dirty.length === 0) return [];
  const shown = git.dirty.slice(0, 5).join(", ");
  const more = git.dirty.length > 5 ? ` and ${git.dirty.length - 5} more` : "";
  return [
    `git: expected ${stack} to be deployed from a commit, received uncommitted changes: ${shown}${more}`,
  ];
}

/** Where the files say something else than what runs; an up would change it. */
export async function fileProblems(
  project: string,
  record: ReleaseRecord,
  declared: Declared = declare(project, record.stack),
): Promise<string[]> {
  const { model, environment } = declared;
  const images = await releaseImages(model);
  const names = [...new Set([...Object.keys(images), ...Object.keys(record.images)])].sort();
  const pipelines = Object.fromEntries(model.pipelines.map((p) => [p.name, p.version]));
  const all = [...new Set([...Object.keys(pipelines), ...Object.keys(record.pipelines)])].sort();
  return [
    ...names
      .filter((name) => !isSameImage(images[name], record.images[name]))
      .map((name) => `files: image ${name} differs from the one that runs`),
    ...all
      .filter((name) => pipelines[name] !== record.pipelines[name])
      .map(
        (name) =>
          `files: pipeline ${name} is ${pipelines[name] ?? "missing"}, what runs has ${record.pipelines[name] ?? "none"}`,
      ),
    ...(isDeepStrictEqual(givenWithoutSecrets(project, environment), record.given)
      ? []
      : [`files: Pulumi.${record.stack}.yaml differs from what runs`]),
  ];
}

async function healthProblems(
  project: string,
  platform: Awaited<ReturnType<typeof readPlatform>>,
): Promise<string[]> {
  const away: string[] = [];
  const { services } = await platformStatus(platform, {
    core: platformCore(project, platform),
    fresh: true,
    onFallback: (error) => away.push(`health: ${error.message}`),
  });
  const sick = services
    .filter(({ state }) => state !== "healthy")
    .map(({ name, state, checks }) => {
      const failed = checks.filter(({ ok }) => !ok).map((c) => `${c.name}: ${c.message ?? "failed"}`);
      return `health: ${name} is ${state}${failed.length > 0 ? ` (${failed.join("; ")})` : ""}`;
    });
  return [...away, ...sick];
}
