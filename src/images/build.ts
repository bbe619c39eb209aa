/** Builds the images that are missing, and removes those that nothing refers to any more. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { appendFile } from "node:fs/promises";
import { join } from "node:path";
import { type ArtifactOptions, cacheFolder, provideArtifact } from "./artifacts.ts";
import { layOut } from "./build-context.ts";
import { Catalog, imageNames, isExternal, type LayerName } from "./catalog.ts";
import { provideDebian } from "./debian.ts";
import { dockerBinary, run } from "./docker.ts";
import { ImageBuildError } from "./error.ts";
import { buildSecrets, proxyArguments } from "./host-settings.ts";
import { pullImage } from "./pull.ts";

/** Options of `ensureImages`. */
export interface BuildOptions {
  /** Called with finished lines such as `[ 12.3s] image python: building`. */
  readonly onProgress?: (line: string) => void;
  /** Hands every line of the builds to `onProgress` too. */
  readonly verbose?: boolean;
  /** Stops the builds; what is finished by then is kept. */
  readonly signal?: AbortSignal;
}

/** What `ensureImages` did: seconds by image, in the order in which they were finished. */
export interface BuildReport {
  readonly built: readonly { readonly image: LayerName; readonly tag: string; readonly seconds: number }[];
}

/** Those of the named images, and of what they are built from, that this Docker does not have. */
export async function missingImages(names: readonly string[], catalog = new Catalog()): Promise<LayerName[]> {
  const have = await localTags();
  const required = catalog.required(names);
  const wanted = new Set<LayerName>(names as readonly LayerName[]);
  // A parent is needed only to build a child: an image that exists needs nothing below it.
  for (const name of required.toReversed()) {
    if (!wanted.has(name) || have.has(catalog.tag(name))) continue;
    for (const { name: parentName } of catalog.inputs(name).parents) wanted.add(parentName);
  }
  return required.filter((name) => wanted.has(name) && !have.has(catalog.tag(name)));
}

/** Builds what is missing, each image as soon as what it is built from exists. */
export async function ensureImages(
  names: readonly string[],
  options: BuildOptions = {},
): Promise<BuildReport> {
  const catalog = new Catalog();
  for (const name of names.filter(isExternal)) await pullImage(name, options);
  const missing = await missingImages(
    names.filter((name) => !isExternal(name)),
    catalog,
  );
  if (missing.length === 0) return { built: [] };
  const build = new Build(catalog, options);
  try {
    return { built: await build.all(missing) };
  } finally {
    build.cleanUp();
  }
}

/** Removes earlier versions of these images. Images that a container still uses stay. */
export async function pruneImages(catalog = new Catalog()): Promise<string[]> {
  const names: LayerName[] = ["debian", ...imageNames];
  const current = new Set(names.map((name) => catalog.tag(name)));
  const ours = new Set(names.map((name) => `datalab/${name}`));
  const removed: string[] = [];
  for (const tag of await localTags()) {
    if (current.has(tag) || !ours.has(tag.slice(0, tag.lastIndexOf(":")))) continue;
    const { code } = await run(dockerBinary(), ["image", "rm", tag]);
    if (code === 0) removed.push(tag);
  }
  return removed;
}

async function localTags(): Promise<Set<string>> {
  const args = ["image", "ls", "--filter", "reference=datalab/*", "--format", "{{.Repository}}:{{.Tag}}"];
  const { code, lines } = await run(dockerBinary(), args);
  if (code !== 0) throw new Error(`Docker does not answer: ${lines.at(-1) ?? ""}\n→ run ./setup.sh`);
  return new Set(lines);
}

/** Removes the working folders of builds that were killed: host settings with credentials may lie in them. */
function sweep(cache: string): void {
  for (const name of readdirSync(cache)) {
    const pid = /^build-(\d+)-/.exec(name)?.[1];
    if (pid === undefined || isRunning(Number(pid))) continue;
    rmSync(join(cache, name), { recursive: true, force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** One run: its clock, its log, its working folder. */
class Build {
  readonly #catalog: Catalog;
  readonly #options: BuildOptions;
  readonly #started = performance.now();
  readonly #folder: string;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #secrets: string[];
  readonly #artifacts = new Map<string, Promise<string>>();
  #log: Promise<void> = Promise.resolve();

  constructor(catalog: Catalog, options: BuildOptions) {
    this.#catalog = catalog;
    this.#options = options;
    this.#signal = AbortSignal.any([this.#stop.signal, ...(options.signal ? [options.signal] : [])]);
    mkdirSync(cacheFolder(), { recursive: true });
    mkdirSync(join(catalog.root, "logs"), { recursive: true });
    sweep(cacheFolder());
    this.#folder = mkdtempSync(join(cacheFolder(), `build-${process.pid}-`));
    this.#secrets = buildSecrets(this.#folder);
  }

  cleanUp(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async all(missing: readonly LayerName[]): Promise<BuildReport["built"][number][]> {
    const built: BuildReport["built"][number][] = [];
    const running = new Map<LayerName, Promise<void>>();
    for (const name of missing) {
      // Programs are fetched and compiled while Debian and the base are still being made.
      for (const artifact of this.#catalog.inputs(name).artifacts)
        this.#artifact(artifact, name).catch(() => {});
      const parents = this.#catalog.inputs(name).parents.map((entry) => running.get(entry.name));
      const task = Promise.all(parents).then(async () => {
        const seconds = await this.#one(name);
        built.push({ image: name, tag: this.#catalog.tag(name), seconds });
      });
      running.set(name, task);
    }
    const results = await Promise.allSettled(
      [...running.values()].map((task) =>
        task.catch((error) => {
          // The first failure stops the others: what they would add is of no use without it.
          if (!this.#stop.signal.aborted) this.#stop.abort(error);
          throw error;
        }),
      ),
    );
    await this.#log;
    if (this.#options.signal?.aborted) throw this.#options.signal.reason;
    if (results.some((result) => result.status === "rejected")) throw this.#stop.signal.reason;
    return built;
  }

  async #one(name: LayerName): Promise<number> {
    this.#signal.throwIfAborted();
    const begun = performance.now();
    this.#say(name, "building");
    const tag = this.#catalog.tag(name);
    const onLine = (line: string) => this.#line(name, line);
    if (name === "debian") {
      const options = { workFolder: this.#folder, onLine, signal: this.#signal };
      await provideDebian(tag, this.#catalog.lock.debian, options);
    } else {
      await this.#docker(name, tag, onLine);
    }
    const seconds = (performance.now() - begun) / 1000;
    this.#say(name, `built in ${seconds.toFixed(1)} s`);
    return seconds;
  }

  async #docker(name: LayerName, tag: string, onLine: (line: string) => void): Promise<void> {
    const inputs = this.#catalog.inputs(name);
    const context = await this.#stage(name);
    const args = ["build", "--progress", "plain", "--tag", tag, "--label", `datalab.image=${name}`];
    for (const { argument, name: parentName } of inputs.parents) {
      args.push("--build-arg", `${argument}=${this.#catalog.tag(parentName)}`);
    }
    for (const [key, value] of Object.entries(inputs.arguments)) args.push("--build-arg", `${key}=${value}`);
    args.push(...proxyArguments(), ...this.#secrets, context);
    const env = { DOCKER_BUILDKIT: "1" };
    const { code, lines } = await run(dockerBinary(), args, { env, signal: this.#signal, onLine });
    if (code !== 0) {
      const fix = `the whole output is in logs/datalab.log; the recipe is src/images/${name}/Dockerfile`;
      throw new ImageBuildError(name, lines, fix);
    }
  }

  /** A build context with exactly the files that the tag was computed from. */
  async #stage(name: LayerName): Promise<string> {
    const { files, artifacts } = this.#catalog.inputs(name);
    const context = join(this.#folder, name);
    const folders = { pipelines: ["pipelines"], python: ["datalab", "services"] }[name as string] ?? [];
    const programs = new Map<string, string>();
    for (const artifact of artifacts) programs.set(artifact, await this.#artifact(artifact, name));
    layOut(context, files, folders, programs);
    return context;
  }

  #artifact(artifact: Parameters<typeof provideArtifact>[0], image: LayerName): Promise<string> {
    const known = this.#artifacts.get(artifact);
    if (known !== undefined) return known;
    const options: ArtifactOptions = {
      root: this.#catalog.root,
      lock: this.#catalog.lock,
      workFolder: this.#folder,
      onLine: (line) => this.#line(image, line),
      onProgram: (program, text) => this.#tell(`program ${program}`, text),
      signal: this.#signal,
    };
    const made = provideArtifact(artifact, options);
    this.#artifacts.set(artifact, made);
    return made;
  }

  #say(name: LayerName, text: string): void {
    this.#tell(`image ${name}`, text);
  }

  #tell(what: string, text: string): void {
    const elapsed = ((performance.now() - this.#started) / 1000).toFixed(1).padStart(5);
    const line = `[${elapsed}s] ${what}: ${text}`;
    this.#options.onProgress?.(line);
    this.#append(line);
  }

  #line(name: LayerName, text: string): void {
    if (this.#options.verbose) this.#say(name, text);
    else this.#append(`image ${name}: ${text}`);
  }

  /** Lines are appended in order without holding the builds up. */
  #append(line: string): void {
    const path = join(this.#catalog.root, "logs/datalab.log");
    this.#log = this.#log
      .then(() => appendFile(path, `${new Date().toISOString()} ${line}\n`))
      .catch(() => {});
  }
}
