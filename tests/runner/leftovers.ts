/**
 * What a suite has left on this machine. `leftovers.ts note FILE` before the suite, `leftovers.ts check FILE
 * [SECONDS]` after it: waits that long for what is just ending, then prints every container, network, volume,
 * namespace, process and temporary file that the suite should have removed.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";

/** `container NAME`, `volume NAME`, ... */
type Found = readonly string[];

const lines = (text: string) => text.split("\n").filter((line) => line !== "");

function output(program: string, args: readonly string[]): string {
  const ran = spawnSync(program, args, { encoding: "utf8", maxBuffer: 1 << 26 });
  return ran.status === 0 ? ran.stdout : "";
}

/**
 * Stacks that this run has started, as the acceptance tests have noted them, and those that a backup's drill
 * makes of them.
 */
function ownStacks(): Set<string> {
  const file = process.env.DATALAB_TEST_STACKS ?? "";
  const started = existsSync(file) ? lines(readFileSync(file, "utf8")) : [];
  // Another run of the tests that has waited for this one's end holds the stack's name by a socket
  // (support/only-one.ts).
  const sockets = existsSync("/proc/net/unix") ? readFileSync("/proc/net/unix", "utf8") : "";
  const others = new Set([...sockets.matchAll(/@datalab-acceptance-(\S+)$/gm)].map(([, stack]) => stack));
  return new Set(started.filter((stack) => !others.has(stack)).flatMap((stack) => [stack, `${stack}-drill`]));
}

/** Of Docker: what carries the label of one of these stacks, or that of this run's own test containers. */
export function inDocker(docker: string, stacks: ReadonlySet<string>, run: string): Found {
  const list = (kind: string, label: string) => {
    const name = kind === "container" ? "{{.Names}}" : "{{.Name}}";
    const all = kind === "container" ? ["--all"] : [];
    const format = `${name}\t{{.Label "${label}"}}`;
    return lines(output(docker, [kind, "ls", ...all, "--filter", `label=${label}`, "--format", format])).map(
      (line) => line.split("\t") as [string, string],
    );
  };
  return ["container", "network", "volume"].flatMap((kind) => [
    ...list(kind, "datalab.stack").flatMap(([name, stack]) => (stacks.has(stack) ? [`${kind} ${name}`] : [])),
    // The lock of a command that was killed and that no other has taken over.
    ...(kind === "container"
      ? list(kind, "datalab.lock").flatMap(([name, stack]) => (stacks.has(stack) ? [`lock ${name}`] : []))
      : []),
    ...list(kind, "datalab.tests").flatMap(([name, of]) =>
      run !== "" && of === run ? [`${kind} ${name}`] : [],
    ),
  ]);
}

/** Of the tests' cluster, where one is named: namespaces of stacks and of the tests themselves. */
function inCluster(): Found {
  const context = process.env.DATALAB_TEST_CONTEXT ?? "";
  if (context === "") return [];
  const names = output("kubectl", ["--context", context, "get", "namespaces", "--output", "name"]);
  return lines(names)
    .filter((name) => name.startsWith("namespace/datalab-"))
    .map((name) => name.replace("/", " "));
}

/** Processes that were started with this folder, or one in it, for temporary files. */
export function processesWith(folder: string): Found {
  if (!existsSync("/proc/self/environ")) return [];
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid && Number(name) !== process.ppid)
    .flatMap((pid) => {
      try {
        const own = readFileSync(`/proc/${pid}/environ`, "utf8")
          .split("\0")
          .some((line) => line === `TMPDIR=${folder}` || line.startsWith(`TMPDIR=${folder}/`));
        if (!own) return [];
        const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
        // What has ended and waits for its parent has no command line.
        return command === "" ? [] : [`process ${pid}: ${command.slice(0, 200)}`];
      } catch {
        return []; // it has ended meanwhile, or is somebody else's
      }
    });
}

export const filesIn = (folder: string): Found =>
  readdirSync(folder)
    .sort()
    .map((name) => `temporary file ${name}`);

const everything = (): Found => [
  ...inDocker(process.env.DATALAB_DOCKER || "docker", ownStacks(), process.env.DATALAB_TEST_RUN ?? ""),
  ...inCluster(),
  ...processesWith(tmpdir()),
  ...filesIn(tmpdir()),
];

/** What is there now and was not before; what is just ending gets some seconds. */
export async function left(before: Found, look: () => Found, seconds: number): Promise<Found> {
  const until = performance.now() + seconds * 1000;
  for (;;) {
    const found = look().filter((name) => !before.includes(name));
    if (found.length === 0 || performance.now() > until) return found;
    await sleep(500);
  }
}

async function main([verb, file = "", seconds = "15"]: readonly string[]): Promise<number> {
  if (verb === "note") {
    writeFileSync(file, JSON.stringify(everything()));
    return 0;
  }
  const before = JSON.parse(readFileSync(file, "utf8")) as Found;
  const found = await left(before, everything, Number(seconds));
  for (const name of found) console.log(`✖ left behind: ${name}`);
  return found.length === 0 ? 0 : 1;
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2));
