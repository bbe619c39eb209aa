import { setPlatformFields } from "../../config/edit.ts";
import { stackFile } from "../../config/load.ts";
import { declaredImages } from "../../declare.ts";
import { DatalabError } from "../../errors.ts";
import { asImageName, Catalog, isExternal } from "../../images/catalog.ts";
import { publicDigest, pushImage } from "../../images/push.ts";
import { remoteDigest } from "../../images/registry.ts";
import { throwIfAborted } from "../abort.ts";
import { type Reporter, runStep } from "../reporter.ts";
import { buildImages } from "./images-build.ts";

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
 * Puts every image of a stack into a registry and notes the digests in the stack's file. What the registry
 * has is neither built nor pushed again; what comes from a public registry stays there.
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
  const wanted = names.filter((name) => !there.has(name));
  if (wanted.length > 0) await buildImages(wanted, options);
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

function push(
  name: string,
  local: string,
  reference: string,
  { reporter, signal }: PushOptions,
): Promise<string> {
  return runStep(
    reporter,
    `push ${name}`,
    async (step) => {
      const digest = await pushImage(local, reference, { signal, onProgress: (text) => step.update(text) });
      return [digest, digest.slice(0, 19)];
    },
    { signal },
  );
}

async function external(name: string): Promise<string> {
  const digest = await publicDigest(name);
  if (digest) return digest;
  throw new DatalabError("E_REGISTRY", `The digest of ${name} in its own registry is unknown here.`, {
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
