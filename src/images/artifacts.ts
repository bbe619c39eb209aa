/**
 * Programs that images carry but Debian does not: Node, commands compiled from Go modules, and JavaScript
 * bundles.
 */
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { alone } from "./alone.ts";
import { bundleOptions } from "./bundle.ts";
import { type Artifact, bundles } from "./catalog.ts";
import { goSources } from "./context.ts";
import { run } from "./docker.ts";
import { ImageBuildError } from "./error.ts";
import type { GoProgram, Lock } from "./lock.ts";

/** How `provideArtifact` works and reports. */
export interface ArtifactOptions {
  readonly root: string;
  readonly lock: Lock;
  /** A folder of this build: what is not worth keeping is put there. */
  readonly workFolder: string;
  readonly onLine: (line: string) => void;
  /** Called when a program's compiling begins ("compiling") and ends ("compiled in 12.0 s"). */
  readonly onProgram: (name: string, text: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/** Where everything that can be fetched again is kept. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  return join(env.XDG_CACHE_HOME || join(homedir(), ".cache"), "datalab");
}

/** Makes the program and returns its path on this host. */
export async function provideArtifact(name: Artifact, options: ArtifactOptions): Promise<string> {
  const entry = bundles[name];
  if (entry !== undefined) return bundle(name, entry, options);
  if (name === "node") return provideNode(options);
  const folder = options.lock.ownPrograms[name];
  if (folder !== undefined) return provideOwnProgram(name, join(options.root, folder), options);
  const program = options.lock.programs[name];
  if (program === undefined) throw new Error(`src/images/lock.json has no program "${name}"`);
  return provideGoProgram(name, program, options);
}

async function bundle(name: string, entry: string, options: ArtifactOptions): Promise<string> {
  const outfile = join(options.workFolder, name);
  const { build } = await import("esbuild");
  try {
    await build({ ...bundleOptions, entryPoints: [join(options.root, entry)], outfile, logLevel: "silent" });
  } catch (error) {
    const lines = (error instanceof Error ? error.message : String(error)).split("\n");
    throw new ImageBuildError(name, lines, `the bundle of ${entry} failed; \`npm run typecheck\` shows more`);
  }
  return outfile;
}

async function provideNode({ lock, workFolder, onLine, signal }: ArtifactOptions): Promise<string> {
  const { version } = lock.node;
  const cached = join(cacheFolder(), "node", version, "bin/node");
  if (process.platform === "linux") {
    if (existsSync(cached)) return cached;
    if (process.versions.node === version) return process.execPath;
  }
  const arch = process.arch === "arm64" ? "arm64" : "x64";
  const name = `node-linux-${arch}@${version}`;
  onLine(`fetching ${name}`);
  const packed = await run("npm", ["pack", "--silent", name], { cwd: workFolder, signal, onLine });
  const archive = join(workFolder, packed.lines.at(-1)?.trim() ?? "");
  const fail = (lines: readonly string[]) =>
    new ImageBuildError("core", lines, "check that npm reaches its registry: npm ping");
  if (packed.code !== 0) throw fail(packed.lines);
  const integrity = `sha512-${createHash("sha512").update(readFileSync(archive)).digest("base64")}`;
  if (integrity !== lock.node.npm[arch])
    throw fail([`${name} has integrity ${integrity}, the lock file another`]);
  const unpacked = await run("tar", ["-xzf", archive, "package/bin/node"], { cwd: workFolder, signal });
  if (unpacked.code !== 0) throw fail(unpacked.lines);
  return join(workFolder, "package/bin/node");
}

let compiling: Promise<unknown> = Promise.resolve();

/** The program that `make` compiles into the folder it is given; nothing is done where it is in the cache. */
async function compiled(
  name: string,
  version: string,
  options: ArtifactOptions,
  make: (folder: string) => Promise<void>,
): Promise<string> {
  const go = join(cacheFolder(), "go");
  const built = join(go, `${name}-${version}`, name);
  // One at a time: each uses all cores, and the second finds what the first has compiled in Go's cache.
  const turn = compiling.then(async () => {
    if (existsSync(built)) return;
    mkdirSync(go, { recursive: true });
    await alone(join(cacheFolder(), "compiling.lock"), options.signal, async () => {
      options.onProgram(name, "compiling");
      const began = performance.now();
      const folder = mkdtempSync(join(go, `.${name}-`));
      try {
        await make(folder);
        rmSync(dirname(built), { recursive: true, force: true });
        renameSync(folder, dirname(built));
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
      options.onProgram(name, `compiled in ${((performance.now() - began) / 1000).toFixed(1)} s`);
    });
  });
  compiling = turn.catch(() => {});
  await turn;
  return built;
}

const flags = ["-trimpath", "-ldflags", "-s -w"];

function provideGoProgram(name: string, program: GoProgram, options: ArtifactOptions): Promise<string> {
  return compiled(name, program.version, options, async (folder) => {
    const all = [...flags, ...(program.tags ? ["-tags", program.tags] : [])];
    if (program.source) {
      const source = join(folder, "source");
      cpSync(await download(program, options), source, { recursive: true });
      // A module folder is read-only, and the build writes sums of modules into it.
      await run("chmod", ["-R", "u+w", source], {});
      const args = ["build", "-mod=mod", ...all, "-o", join(folder, name), `./${program.package ?? ""}`];
      await go(args, options, source);
      rmSync(source, { recursive: true, force: true });
    } else {
      const path = program.package === undefined ? program.module : `${program.module}/${program.package}`;
      await go(["install", ...all, `${path}@${program.version}`], options, undefined, folder);
    }
  });
}

/** A program of this repository, compiled once per content of its folder. */
function provideOwnProgram(name: string, source: string, options: ArtifactOptions): Promise<string> {
  return compiled(name, goSources(source).hash, options, async (folder) => {
    await go(["build", "-mod=readonly", ...flags, "-o", join(folder, name), "."], options, source);
  });
}

/** The folder of a module's source, checked against the sums that its proxy publishes. */
async function download(program: GoProgram, options: ArtifactOptions): Promise<string> {
  const lines = await go(["mod", "download", "-json", `${program.module}@${program.version}`], options);
  return (
    JSON.parse(lines.slice(lines.indexOf("{"), lines.lastIndexOf("}") + 1).join("\n")) as { Dir: string }
  ).Dir;
}

async function go(args: string[], options: ArtifactOptions, cwd?: string, bin?: string): Promise<string[]> {
  const fix = `check that Go ${options.lock.go.minimum} or later is on PATH and can reach its module proxy`;
  const { signal, onLine } = options;
  const env = {
    CGO_ENABLED: "0",
    GOFLAGS: "-buildvcs=false",
    GOTOOLCHAIN: "auto",
    ...(bin && { GOBIN: bin }),
  };
  const result = await run(goBinary(), args, { env, signal, onLine, ...(cwd && { cwd }) }).catch((error) => {
    if (signal?.aborted) throw error;
    throw new ImageBuildError("services", [`Go could not be started: ${error.message}`], fix);
  });
  if (result.code !== 0) throw new ImageBuildError("services", result.lines, fix);
  return [...result.lines];
}

/** Go as set-up installs it, else the one on PATH. */
function goBinary(): string {
  const own = join(cacheFolder(), "toolchain/go/bin/go");
  return existsSync(own) ? own : "go";
}
