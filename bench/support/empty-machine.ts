/**
 * An empty machine beside this one: processes, mounts and network of its own, with nothing in Docker's
 * folders, in HOME and in the caches. Programs and packages of the system stay what they are. Needs root and
 * Linux.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { homedir, tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

/** How this host's clients reach what they download: an empty machine has that, too. */
const clientSettings = [".npmrc", ".config/pip", ".pip", ".config/go", ".netrc", ".curlrc", ".wgetrc"];
/** What would lead to caches and daemons of this host. */
const unwanted =
  /^(XDG_|GOCACHE|GOMODCACHE|GOPATH|GOFLAGS|GOBIN|DATALAB_|PULUMI_|DOCKER_|BUILDKIT_|NODE_COMPILE|NODE_OPTIONS|npm_|PIP_CACHE|UV_|CI$)/;
/** One address on either end of the cable between the two. */
const network = { subnet: "10.213.77.0/30", outside: "10.213.77.1", inside: "10.213.77.2" };

const script = `set -e
mount -t proc proc /proc
mount --make-rprivate /
mkdir -p /var/lib/docker /etc/docker
mount --bind "$EMPTY/run" /run
mount --bind "$EMPTY/docker" /var/lib/docker
mount --bind "$EMPTY/log" /var/log
mount --bind "$EMPTY/etc-docker" /etc/docker
ip link set lo up
until [ -e "$EMPTY/connected" ]; do sleep 0.1; done
cd "$HOME/datalab"
unset EMPTY
exec "$@"
`;

export class EmptyMachine {
  readonly #folder = mkdtempSync(join(tmpdir(), "datalab-first-up-"));
  readonly #name = `datalab-first-up-${process.pid}`;
  readonly #cable = `fu${process.pid}`.slice(0, 13);
  #child: ChildProcess | undefined;

  get home(): string {
    return join(this.#folder, "home");
  }

  /** Clones a commit of this repository into the empty home. */
  constructor(repository: string, commit: string) {
    for (const name of ["run", "docker", "log", "etc-docker", "home"]) mkdirSync(join(this.#folder, name));
    for (const path of clientSettings) {
      const from = join(homedir(), path);
      if (existsSync(from)) cpSync(from, join(this.home, path), { recursive: true });
    }
    // Containers are charged to the same control group as everything else in here.
    const settings = "/etc/docker/daemon.json";
    const daemon = existsSync(settings) ? JSON.parse(readFileSync(settings, "utf8")) : {};
    writeFileSync(
      join(this.#folder, "etc-docker/daemon.json"),
      JSON.stringify({ ...daemon, "cgroup-parent": `/${this.#name}` }),
    );
    const clone = join(this.home, "datalab");
    must("git", ["clone", "--quiet", "--no-hardlinks", repository, clone]);
    must("git", ["-C", clone, "checkout", "--quiet", commit]);
    for (const controller of this.#controllers())
      mkdirSync(join(controller, this.#name), { recursive: true });
  }

  /** CPU seconds that everything in it has used so far. */
  cpuSeconds(): number {
    const old = `/sys/fs/cgroup/cpuacct/${this.#name}/cpuacct.usage`;
    if (existsSync(old)) return Number(readFileSync(old, "utf8")) / 1e9;
    const text = readFileSync(`/sys/fs/cgroup/${this.#name}/cpu.stat`, "utf8");
    return Number(/^usage_usec (\d+)/m.exec(text)?.[1]) / 1e6;
  }

  /** Runs a command in the clone; its exit code. */
  async run(command: readonly string[], onLine: (line: string) => void): Promise<number> {
    const cgroup = this.#controllers().map((folder) => join(folder, this.#name, "cgroup.procs"));
    const enter = `for file in ${cgroup.join(" ")}; do echo $$ >"$file"; done; exec "$@"`;
    const unshare = [
      "unshare",
      "--net",
      "--mount",
      "--pid",
      "--fork",
      "--kill-child",
      "bash",
      "-c",
      script,
      "empty",
    ];
    const child = spawn("bash", ["-c", enter, "enter", ...unshare, ...command], {
      env: this.#environment(),
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on("line", onLine);
    const ended = new Promise<number>((resolve) => child.once("close", (code) => resolve(code ?? 1)));
    await this.#connect(child.pid as number);
    return ended;
  }

  /** Ends everything in it and removes what it has left on this host. */
  async remove(): Promise<void> {
    if (this.#child?.pid && this.#child.exitCode === null) {
      this.#child.kill("SIGKILL");
      await sleep(2_000);
    }
    spawnSync("ip", ["link", "del", this.#cable]);
    for (const rule of rules)
      spawnSync("iptables", ["--wait", "--table", rule.table, "--delete", ...rule.words]);
    // Docker makes one for each controller.
    for (const tree of [groups, ...readdirSync(groups).map((name) => join(groups, name))])
      removeGroups(join(tree, this.#name));
    // A hundred thousand files of Go's modules and Docker's layers.
    must("rm", ["-rf", "--one-file-system", this.#folder]);
  }

  /** A cable to this host, which passes on what comes through it. */
  async #connect(unshare: number): Promise<void> {
    let inside = "";
    for (let tries = 0; inside === "" && tries < 100; tries++) {
      await sleep(100);
      inside = readFileSync(`/proc/${unshare}/task/${unshare}/children`, "utf8").trim();
    }
    must("ip", ["link", "add", this.#cable, "type", "veth", "peer", "name", "eth0", "netns", inside]);
    must("ip", ["addr", "add", `${network.outside}/30`, "dev", this.#cable]);
    must("ip", ["link", "set", this.#cable, "up"]);
    const there = (...words: string[]) => must("nsenter", ["--target", inside, "--net", "ip", ...words]);
    there("addr", "add", `${network.inside}/30`, "dev", "eth0");
    there("link", "set", "eth0", "up");
    there("route", "add", "default", "via", network.outside);
    writeFileSync("/proc/sys/net/ipv4/ip_forward", "1");
    for (const rule of rules) must("iptables", ["--wait", "--table", rule.table, "--insert", ...rule.words]);
    writeFileSync(join(this.#folder, "connected"), "");
  }

  #environment(): NodeJS.ProcessEnv {
    const kept = Object.entries(process.env).filter(([name]) => !unwanted.test(name));
    const path = (process.env.PATH ?? "")
      .split(delimiter)
      .filter((folder) => !folder.startsWith(homedir()) && !folder.includes("node_modules"));
    return { ...Object.fromEntries(kept), HOME: this.home, PATH: path.join(delimiter), EMPTY: this.#folder };
  }

  /**
   * Where CPU time is charged: in one tree of control groups for each controller, or in the one tree of all.
   */
  #controllers(): string[] {
    return existsSync(join(groups, "cgroup.controllers")) ? [groups] : [join(groups, "cpuacct")];
  }
}

const groups = "/sys/fs/cgroup";
const rules = [
  { table: "nat", words: ["POSTROUTING", "--source", network.subnet, "--jump", "MASQUERADE"] },
  { table: "filter", words: ["FORWARD", "--source", network.subnet, "--jump", "ACCEPT"] },
  { table: "filter", words: ["FORWARD", "--destination", network.subnet, "--jump", "ACCEPT"] },
];

/** Control groups are removed from the innermost out; rmdir is all that works on them. */
function removeGroups(folder: string): void {
  if (!existsSync(folder)) return;
  for (const entry of readdirSync(folder, { withFileTypes: true }))
    if (entry.isDirectory()) removeGroups(join(folder, entry.name));
  spawnSync("rmdir", [folder]);
}

function must(command: string, args: readonly string[]): void {
  const ran = spawnSync(command, args, { encoding: "utf8" });
  if (ran.status !== 0)
    throw new Error(`${command} ${args.join(" ")}: ${ran.stderr || (ran.error?.message ?? ran.status)}`);
}
