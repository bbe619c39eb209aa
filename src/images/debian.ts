/**
 * The Debian root file system below every image: the official image by digest where a registry answers, else
 * the same suite put together with debootstrap.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { dockerBinary, run } from "./docker.ts";
import { ImageBuildError } from "./error.ts";
import type { Lock } from "./lock.ts";

/** How `provideDebian` reports. */
export interface DebianOptions {
  /** A folder on a real file system: debootstrap makes device nodes in it. */
  readonly workFolder: string;
  readonly onLine: (line: string) => void;
  readonly signal?: AbortSignal | undefined;
}

const registryTimeoutSeconds = 15;

/** Makes the image `tag` hold a Debian root file system. */
export async function provideDebian(
  tag: string,
  lock: Lock["debian"],
  options: DebianOptions,
): Promise<void> {
  if (await pull(tag, lock, options)) return;
  options.onLine("no registry answered: building Debian with debootstrap");
  await bootstrap(tag, lock, options);
}

async function pull(tag: string, lock: Lock["debian"], options: DebianOptions): Promise<boolean> {
  const docker = dockerBinary();
  const reference = `${lock.image}@${lock.digest}`;
  // A registry that does not answer at all must not hold everything up; one that has begun may take its time.
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(), registryTimeoutSeconds * 1000);
  const signal = AbortSignal.any([silence.signal, ...(options.signal ? [options.signal] : [])]);
  try {
    const onLine = (line: string) => {
      if (/Pulling from|Digest:/.test(line)) clearTimeout(timer);
      options.onLine(line);
    };
    const { code } = await run(docker, ["pull", reference], { signal, onLine });
    if (code !== 0) return false;
  } catch (error) {
    if (options.signal?.aborted) throw error;
    return false;
  } finally {
    clearTimeout(timer);
  }
  return (await run(docker, ["tag", reference, tag])).code === 0;
}

async function bootstrap(tag: string, lock: Lock["debian"], options: DebianOptions): Promise<void> {
  const fail = (lines: readonly string[], fix: string) => new ImageBuildError("debian", lines, fix);
  if (process.getuid?.() !== 0) {
    throw fail(
      ["no registry can be reached, and debootstrap needs root"],
      "make a registry reachable for Docker (daemon.json: registry-mirrors, proxies), or run this as root",
    );
  }
  const root = mkdtempSync(join(options.workFolder, "debian-"));
  try {
    const mirrors = hostMirrors(lock.suite);
    const args = ["--variant=minbase", lock.suite, root, ...(mirrors.main ? [mirrors.main] : [])];
    const made = await run("debootstrap", args, { signal: options.signal, onLine: options.onLine }).catch(
      (error) => {
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
        throw fail(["debootstrap is not installed"], "run ./setup.sh, or: apt-get install debootstrap");
      },
    );
    if (made.code !== 0)
      throw fail(made.lines, "check that this host's Debian mirror answers: apt-get update");
    writeSources(root, lock.suite, mirrors);
    const docker = dockerBinary();
    // Neither paths nor numbers need quoting: both come from this file and mkdtemp.
    const script = `rm -rf ${slimmed.map((path) => `"$1"/${path}`).join(" ")} &&
      tar -C "$1" --exclude=./dev/* --exclude=./proc/* --exclude=./sys/* --numeric-owner -c . | "$2" import - "$3"`;
    const imported = await run("bash", ["-o", "pipefail", "-c", script, "import", root, docker, tag], {
      signal: options.signal,
      onLine: options.onLine,
    });
    if (imported.code !== 0)
      throw fail(imported.lines, "check the disk space of Docker's data folder: docker system df");
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

const slimmed = [
  "usr/share/doc/*",
  "usr/share/man/*",
  "usr/share/info/*",
  "usr/share/locale/*",
  "usr/share/lintian",
  "var/cache/apt/*",
  "var/lib/apt/lists/*",
  "var/log/*",
];

interface Mirrors {
  readonly main?: string;
  readonly security?: string;
}

/** The mirrors that this host's own apt uses for the suite, if it is a Debian host. */
export function hostMirrors(suite: string, folder = "/etc/apt"): Mirrors {
  const parts = join(folder, "sources.list.d");
  const files = [
    join(folder, "sources.list"),
    ...(existsSync(parts) ? readdirSync(parts).map((name) => join(parts, name)) : []),
  ].filter((path) => existsSync(path) && /\.(list|sources)$/.test(path));
  const found = files.flatMap((path) => sourcesOf(readFileSync(path, "utf8"), path.endsWith(".sources")));
  const mirror = (wanted: string) => found.find(({ suites }) => suites.includes(wanted))?.uri;
  const main = mirror(suite);
  const security = mirror(`${suite}-security`);
  return { ...(main ? { main } : {}), ...(security ? { security } : {}) };
}

function sourcesOf(text: string, deb822: boolean): { uri: string; suites: string[] }[] {
  if (!deb822) {
    const lines = text.matchAll(/^\s*deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)/gm);
    return [...lines].map(([, uri = "", suite = ""]) => ({ uri, suites: [suite] }));
  }
  return text.split(/\n\s*\n/).flatMap((stanza) => {
    const field = (name: string) =>
      new RegExp(`^${name}:\\s*(.+)$`, "mi").exec(stanza)?.[1]?.trim().split(/\s+/) ?? [];
    const suites = field("Suites");
    return field("URIs").map((uri) => ({ uri, suites }));
  });
}

function writeSources(root: string, suite: string, mirrors: Mirrors): void {
  const path = join(root, "etc/apt/sources.list");
  const main = mirrors.main ?? /^deb\s+(\S+)/m.exec(readFileSync(path, "utf8"))?.[1];
  if (main === undefined) return;
  const security = mirrors.security ?? main.replace(/\/debian\/?$/, "/debian-security");
  const lines = [
    `deb ${main} ${suite} main`,
    `deb ${main} ${suite}-updates main`,
    ...(security === main ? [] : [`deb ${security} ${suite}-security main`]),
  ];
  writeFileSync(path, `${lines.join("\n")}\n`);
}
