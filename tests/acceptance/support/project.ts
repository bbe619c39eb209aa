/**
 * A copy of this checkout that is used as a person would use it: its own state, its own stack, its own ports.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { parse, stringify } from "yaml";
import { noteStack } from "./started-stacks.ts";

const repository = resolve(import.meta.dirname, "../../..");

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly seconds: number;
}

export interface Started {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly ended: Promise<Ran>;
  /** Everything said so far. */
  output(): string;
}

type Platform = Record<string, unknown>;

export class Project {
  readonly root: string;
  readonly stack: string;
  /** What `./datalab env` exports, on top of a plain environment. */
  readonly env: NodeJS.ProcessEnv;
  /** All that the command line has ever said, for the hunt for secrets. */
  readonly transcript: string[];

  /**
   * A copy of the checkout with this stack; or, beside another project's stack, one more stack of the same
   * copy.
   */
  constructor(stack: string, from: Platform | Project) {
    this.stack = stack;
    noteStack(stack);
    if (from instanceof Project) {
      this.root = from.root;
      this.env = from.env;
      this.transcript = from.transcript;
      return;
    }
    this.transcript = [];
    this.root = mkdtempSync(join(tmpdir(), `datalab-${stack}-`));
    const listed = must(repository, "git", ["ls-files", "-z", "-co", "--exclude-standard"]);
    for (const path of listed.split("\0").filter((p) => p !== "" && existsSync(join(repository, p)))) {
      mkdirSync(dirname(join(this.root, path)), { recursive: true });
      copyFileSync(join(repository, path), join(this.root, path));
    }
    // Hard links cost nothing, and what an installer removes here stays there; across file systems it is a
    // real copy.
    const modules = ["node_modules", join(this.root, "node_modules")];
    const linked = spawnSync("cp", ["-al", ...modules], { cwd: repository });
    if (linked.status !== 0) {
      rmSync(join(this.root, "node_modules"), { recursive: true, force: true });
      must(repository, "cp", ["-a", ...modules]);
    }
    this.write(`Pulumi.${stack}.yaml`, stringify({ config: { "datalab:platform": from } }));
    mkdirSync(this.#temporary);
    const exported = must(this.root, "./datalab", ["env"], this.#plain());
    this.env = { ...this.#plain(), ...parseExports(exported) };
  }

  /** For temporary files: a command that is killed with kill -9 can't remove its own. */
  get #temporary(): string {
    return `${this.root}-tmp`;
  }

  #plain(): NodeJS.ProcessEnv {
    return { ...plainEnvironment(), TMPDIR: this.#temporary };
  }

  path(...parts: string[]): string {
    return join(this.root, ...parts);
  }

  write(path: string, content: string): string {
    const target = this.path(path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, content);
    return target;
  }

  /** Changes `datalab:platform`; what set-up and engine wrote beside it stays. */
  configure(change: (platform: Platform) => void): void {
    const file = this.path(`Pulumi.${this.stack}.yaml`);
    const document = parse(readFileSync(file, "utf8")) as { config: Record<string, Platform> };
    change(document.config["datalab:platform"] as Platform);
    writeFileSync(file, stringify(document));
  }

  /** Runs `./datalab ... --stack <stack>` to its end. */
  datalab(...args: string[]): Promise<Ran> {
    return this.start(...args).ended;
  }

  /** The same with --json; the exit code must be 0. */
  async json<T = unknown>(...args: string[]): Promise<T> {
    const ran = await this.datalab(...args, "--json");
    if (ran.code !== 0)
      throw new Error(`datalab ${args.join(" ")} ended with ${ran.code}:\n${ran.stdout}${ran.stderr}`);
    return JSON.parse(ran.stdout) as T;
  }

  /** Starts a command in a process group of its own, as a terminal does. */
  start(...args: string[]): Started {
    return this.#run("./datalab", [...args, "--stack", this.stack], this.#plain());
  }

  /** A script in the shell that `eval "$(./datalab env)"` gives. */
  shell(script: string): Promise<Ran> {
    return this.#run("bash", ["-c", `set -eu; eval "$(./datalab env)"; ${script}`], this.#plain()).ended;
  }

  /** A docker command; throws when it fails. */
  docker(...args: string[]): string {
    return must(this.root, this.env.DATALAB_DOCKER || "docker", args, this.env);
  }

  /** Both outputs of a docker command, however it ends. */
  dockerOutput(...args: string[]): string {
    const ran = spawnSync(this.env.DATALAB_DOCKER || "docker", args, {
      encoding: "utf8",
      maxBuffer: 1 << 28,
    });
    return ran.stdout + ran.stderr;
  }

  remove(): void {
    for (const folder of [this.root, this.#temporary]) rmSync(folder, { recursive: true, force: true });
  }

  #run(program: string, args: readonly string[], env: NodeJS.ProcessEnv): Started {
    const began = performance.now();
    const child = spawn(program, args, {
      cwd: this.root,
      env,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let stdout = "";
    let stderr = "";
    child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
      stdout += chunk;
    });
    child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
      stderr += chunk;
    });
    const ended = new Promise<Ran>((done, reject) => {
      child.on("error", reject);
      child.on("close", (code) => {
        // The one command whose business is to print a secret is not part of the hunt.
        if (args[0] !== "secrets") this.transcript.push(stdout, stderr);
        done({ code, stdout, stderr, seconds: (performance.now() - began) / 1000 });
      });
    });
    return { child, pid: child.pid as number, ended, output: () => stdout + stderr };
  }
}

/**
 * The environment of a person who has just logged in: nothing of DataLab, Pulumi or the test runner in it.
 */
export function plainEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) =>
        !/^(DATALAB_|PULUMI_|VITEST|NODE_|FORCE_COLOR$|TEST$|MODE$|DEV$|PROD$|SSR$|BASE_URL$)/.test(name),
    ),
  );
}

function parseExports(text: string): Record<string, string> {
  const lines = [...text.matchAll(/^export (\w+)='(.*)'$/gm)];
  return Object.fromEntries(
    lines.map(([, name, value]) => [name as string, (value as string).replaceAll("'\\''", "'")]),
  );
}

export function must(cwd: string, program: string, args: readonly string[], env = process.env): string {
  const ran = spawnSync(program, args, { cwd, env, encoding: "utf8", maxBuffer: 1 << 28 });
  if (ran.status === 0) return ran.stdout;
  throw new Error(
    `${program} ${args.join(" ")} ended with ${ran.status}: ${ran.error?.message ?? ran.stderr}`,
  );
}
