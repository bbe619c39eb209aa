import { setPlatformFields } from "../../config/edit.ts";
import { stackFile } from "../../config/load.ts";
import { declaredImages } from "../../declare.ts";
import { DatalabError } from "../../errors.ts";
import { ensureImages } from "../../images/build.ts";
import { asImageName, Catalog, isExternal } from "../../images/catalog.ts";
import { publicDigest, pushImage } from "../../images/push.ts";
import { remoteDigest } from "../../images/registry.ts";
import { throwIfAborted } from "../abort.ts";
import type { Reporter } from "../reporter.ts";

export interface PushOptions {
  readonly project: string;
  readonly stack: string;
  /** Registry, with a path where it has one. */
  readonly to: string;
  /** Push what is there too. */
  readonly force: boolean;
  /** Whether the stack's file is to name the digests. @default true */
  readonly note?: boolean;
  readonly reporter: Reporter;
  readonly onBuildLine?: (line: string) => void;
  readonly signal: AbortSignal;
}

/** `datalab images push --json`. */
export interface PushResult {
  readonly registry: string;
  readonly images: readonly PushedImage[];
  /** The stack's file, which names each by its digest now. */
  readonly file: string;
}

export interface PushedImage {
  readonly name: string;
  readonly reference: string;
  readonly digest: string;
  /** It was there already: its tag is the hash of its content. */
  readonly skipped: boolean;
}

/**
 * Puts every image of a stack into a registry and notes the digests in the stack's file. What the registry has is neither
 * built nor pushed again; what comes from a public registry stays there.
 */
export async function pushImages(options: PushOptions): Promise<PushResult> {
  const { project, stack, to, force, reporter, signal } = options;
  checkRegistry(to);
  const catalog = new Catalog();
  const names = declaredImages(project, stack);
  const own = names.filter((name) => !isExternal(name)).map((name) => ({ name, ...tagOf(catalog, name) }));
  const there = new Map<string, string>();
  const first = await Promise.all(
    own.map(
      async ({ name, tag }) => [name, force ? undefined : await remoteDigest(to, name, tag, signal)] as const,
    ),
  );
  for (const [name, digest] of first) if (digest) there.set(name, digest);
  await build(
    names.filter((name) => !there.has(name)),
    options,
  );
  const images: PushedImage[] = [];
  for (const { name, local, tag } of own) {
    throwIfAborted(signal);
    const reference = `${to}/${name}:${tag}`;
    const known = there.get(name);
    const digest = known ?? (await push(name, local, reference, options));
    images.push({ name, reference, digest, skipped: known !== undefined });
  }
  for (const name of names.filter(isExternal)) {
    images.push({ name, reference: name, digest: await external(name), skipped: true });
  }
  if (options.note === false) return { registry: to, images, file: stackFile(project, stack) };
  const { file } = setPlatformFields(project, stack, [
    [["images", "registry"], to],
    ...images.map(({ name, digest }) => [["images", "digests", name], digest] as const),
  ]);
  reporter.step("digests").done(`written to ${file.slice(file.lastIndexOf("/") + 1)}`);
  return { registry: to, images, file };
}

function tagOf(catalog: Catalog, name: string): { readonly local: string; readonly tag: string } {
  const local = catalog.tag(asImageName(name));
  return { local, tag: local.slice(local.lastIndexOf(":") + 1) };
}

async function build(
  names: readonly string[],
  { reporter, signal, onBuildLine }: PushOptions,
): Promise<void> {
  if (names.length === 0) return;
  const step = reporter.step("images");
  try {
    const { built } = await ensureImages(names, {
      signal,
      verbose: onBuildLine !== undefined,
      onProgress: (line) =>
        (onBuildLine ?? ((text) => step.update(text.replace(/^\[\s*[\d.]+s\] /, ""))))(line),
    });
    step.done(built.length === 0 ? "all there" : `built ${built.map(({ image }) => image).join(", ")}`);
  } catch (error) {
    step.fail();
    throwIfAborted(signal);
    throw error;
  }
}

async function push(
  name: string,
  local: string,
  reference: string,
  { reporter, signal }: PushOptions,
): Promise<string> {
  const step = reporter.step(`push ${name}`);
  try {
    const digest = await pushImage(local, reference, { signal, onProgress: (text) => step.update(text) });
    step.done(digest.slice(0, 19));
    return digest;
  } catch (error) {
    step.fail();
    throwIfAborted(signal);
    throw error;
  }
}

async function external(name: string): Promise<string> {
  const digest = await publicDigest(name);
  if (digest) return digest;
  throw new DatalabError("E_REGISTRY", `The digest of ${name} in its own registry is not known here.`, {
    hint: `docker pull ${name}, or write it to images.digests in the stack's file.`,
  });
}

function checkRegistry(to: string): void {
  if (/^[a-z0-9.-]+(?::\d+)?(?:\/[a-z0-9._-]+)*$/.test(to)) return;
  throw new DatalabError(
    "E_USAGE",
    `--to: expected a registry such as registry.example.com/team, received ${JSON.stringify(to)}`,
  );
}
