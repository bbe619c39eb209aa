/** Programs that images carry but Debian does not: Node, MinIO and its client, and the core's bundle. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { bundleOptions } from "../core/bundle.ts";
import type { Artifact, GoProgram, Lock } from "./catalog.ts";
import { run } from "./docker.ts";
import { ImageBuildError } from "./error.ts";

/** How `provideArtifact` works and reports. */
export interface ArtifactOptions {
  readonly root: string;
  readonly lock: Lock;
  /** A folder of this build: what is not worth keeping is put there. */
  readonly workFolder: string;
  readonly onLine: (line: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/** Where everything that can be fetched again is kept. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  return join(env.XDG_CACHE_HOME || join(homedir(), ".cache"), "datalab");
}

/** Makes the program and returns its path on this host. */
export async function provideArtifact(name: Artifact, options: ArtifactOptions): Promise<string> {
  switch (name) {
    case "core.mjs":
      return bundleCore(options);
    case "node":
      return provideNode(options);
    default:
      return provideGoProgram(name, options.lock[name], options);
  }
}

async function bundleCore({ root, workFolder }: ArtifactOptions): Promise<string> {
  const outfile = join(workFolder, "core.mjs");
  const { build } = await import("esbuild");
  try {
    await build({
      ...bundleOptions,
      entryPoints: [join(root, "src/core/main.ts")],
      outfile,
      logLevel: "silent",
    });
  } catch (error) {
    const lines = (error instanceof Error ? error.message : String(error)).split("\n");
    throw new ImageBuildError(
      "core",
      lines,
      "the bundle of src/core/main.ts failed; `npm run typecheck` shows more",
    );
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

async function provideGoProgram(name: string, program: GoProgram, options: ArtifactOptions): Promise<string> {
  const built = join(cacheFolder(), "go", `${name}-${program.version}`, name);
  if (existsSync(built)) return built;
  await compile(name, program, built, options);
  return built;
}

async function compile(
  name: string,
  program: GoProgram,
  to: string,
  options: ArtifactOptions,
): Promise<void> {
  const target = `${program.module}@${program.version}`;
  options.onLine(`compiling ${target} (minutes on the first run)`);
  mkdirSync(dirname(dirname(to)), { recursive: true });
  const folder = mkdtempSync(join(dirname(dirname(to)), `.${name}-`));
  const fix = `check that Go ${options.lock.go.minimum} or later is on PATH and reaches its module proxy`;
  try {
    const args = ["install", "-trimpath", "-tags", "kqueue", "-ldflags", "-s -w", target];
    const env = { GOBIN: folder, CGO_ENABLED: "0", GOFLAGS: "-buildvcs=false", GOTOOLCHAIN: "auto" };
    const { signal, onLine } = options;
    const result = await run(goBinary(), args, { env, signal, onLine }).catch((error) => {
      if (signal?.aborted) throw error;
      throw new ImageBuildError("services", [`Go could not be started: ${error.message}`], fix);
    });
    if (result.code !== 0) throw new ImageBuildError("services", result.lines, fix);
    rmSync(dirname(to), { recursive: true, force: true });
    renameSync(folder, dirname(to));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Go as set-up installs it, else the one on PATH. */
function goBinary(): string {
  const own = join(cacheFolder(), "toolchain/go/bin/go");
  return existsSync(own) ? own : "go";
}
