/**
 * Two machines that share a stack: checkouts, homes and, where the kernel lets us, host names and processes.
 */
import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir, hostname } from "node:os";
import { join } from "node:path";
import { processTree } from "../support/leftovers.ts";
import { must, Project, plainEnvironment, type Ran } from "../support/project.ts";

/** A command under way. */
export interface Running {
  readonly ended: Promise<Ran>;
  /** Ends it and all that it has started, as a machine that goes down does. */
  kill(): void;
}

const otherHost = "machine-two";

/** Whether this process may start others in namespaces of their own: root of Linux may. */
export const hasNamespaces =
  spawnSync("unshare", ["--uts", "--pid", "--fork", "--mount-proc", "true"]).status === 0;

export class Machine {
  readonly project: Project;
  readonly host: string;
  readonly #folder: string;
  readonly #isOther: boolean;

  constructor(project: Project, folder: string, isOther: boolean) {
    this.project = project;
    this.#folder = folder;
    this.#isOther = isOther && hasNamespaces;
    this.host = this.#isOther ? otherHost : hostname();
    for (const name of ["home", "tmp"]) mkdirSync(join(folder, name), { recursive: true });
  }

  /** Starts `./datalab`; everything that differs between the commands of a round is in `environment`. */
  start(args: readonly string[], environment: NodeJS.ProcessEnv): Running {
    const began = performance.now();
    const words = this.#isOther
      ? ["unshare", ...["--uts", "--pid", "--fork", "--kill-child", "--mount-proc"], "sh", "-c"].concat(
          `hostname ${otherHost}; exec ./datalab "$@"`,
          "sh",
          args,
        )
      : ["./datalab", ...args];
    const child = spawn(words[0] as string, words.slice(1), {
      cwd: this.project.root,
      env: {
        ...plainEnvironment(),
        XDG_CACHE_HOME: process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"),
        HOME: join(this.#folder, "home"),
        TMPDIR: join(this.#folder, "tmp"),
        ...environment,
      },
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    const ended = new Promise<Ran>((done, failed) => {
      child.on("error", failed);
      child.on("close", (code) =>
        done({ code, stdout, stderr, seconds: (performance.now() - began) / 1000 }),
      );
    });
    const kill = () => {
      // The engine has a process group of its own.
      for (const pid of processTree(child.pid as number)) {
        try {
          process.kill(pid, "SIGKILL");
        } catch {} // it has ended meanwhile
      }
    };
    return { ended, kill };
  }

  git(...args: string[]): string {
    const who = ["-c", "user.name=races", "-c", "user.email=races@example.com"];
    return must(this.project.root, "git", [...who, ...args]);
  }

  commit(message: string): void {
    this.git("add", "--all");
    this.git("commit", "--quiet", "--allow-empty", "--message", message);
  }

  /** Brings the checkout to the commit of another one, as a pull would; what it has noted itself goes. */
  pull(from: Machine): void {
    this.git("fetch", "--quiet", from.project.root, "HEAD");
    this.git("reset", "--quiet", "--hard", "FETCH_HEAD");
  }

  /** Its commands use this program instead of `docker`. */
  useDocker(program: string): void {
    const path = this.project.path(".datalab/setup.env");
    // The daemon's process is not to be seen from another machine.
    const text = readFileSync(path, "utf8")
      .replace(/^datalab_docker=.*$/m, `datalab_docker='${program}'`)
      .replace(/^datalab_daemon=.*$/m, "datalab_daemon=''");
    writeFileSync(path, text);
  }
}

/** A second checkout of the same commit, with the passphrase of the first: a colleague's. */
export function secondCheckout(first: Project): Project {
  const second = new Project(first.stack, {});
  rmSync(second.path(".git"), { recursive: true, force: true });
  must(second.root, "git", ["init", "--quiet"]);
  must(second.root, "git", ["fetch", "--quiet", first.root, "HEAD"]);
  must(second.root, "git", ["reset", "--quiet", "--hard", "FETCH_HEAD"]);
  copyFileSync(first.path(".datalab/passphrase"), second.path(".datalab/passphrase"));
  return second;
}
