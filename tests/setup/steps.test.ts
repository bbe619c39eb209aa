import { spawn, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { makeProject } from "../support/project.ts";
import { emptyProject, environment, repository, setup } from "./support/empty-project.ts";

const durations = `# name  CPU  seconds  label
busy      0.5
node      4    8    Node
engine    200  240  Pulumi engine
image-a   60   50   image a
`;

/** What progress.awk prints for these events. */
function awk(events: readonly string[], variables: Readonly<Record<string, number>>): string {
  const folder = makeProject({}, { bare: true });
  writeFileSync(join(folder, "durations"), durations);
  writeFileSync(join(folder, "events"), events.map((line) => `${line}\n`).join(""));
  const given = Object.entries(variables).flatMap(([name, value]) => ["-v", `${name}=${value}`]);
  const script = join(repository, "tools/setup/progress.awk");
  const ran = spawnSync("awk", [...given, "-f", script, "durations", "events"], {
    cwd: folder,
    encoding: "utf8",
  });
  expect(ran.stderr).toBe("");
  return ran.stdout.trim();
}

describe("the line of what is under way", () => {
  const plan = ["plan node", "plan engine", "plan image-a"];

  test("says the step's number, its usual time, its time so far and what is left of all", () => {
    // Left: 200 CPU seconds, 110 of 240 s of them done, and 60 more, on two cores half busy.
    const events = [...plan, "begin node 100", "end node 108", "begin engine 108"];
    expect(awk(events, { now: 218, cores: 2 })).toBe(
      "step 2 of 3 · Pulumi engine · usually 4 min · 1:50 so far, about 3 min left",
    );
  });

  test("names every step that is under way", () => {
    const events = [...plan, "begin engine 100", "begin image-a 130"];
    expect(awk(events, { now: 150, cores: 2 })).toBe(
      "step 1 of 3 · Pulumi engine · usually 4 min · 0:50 so far; " +
        "step 2 of 3 · image a · usually 50 s · 0:20 so far, about 3 min left",
    );
  });

  test("counts on less time where there are more cores", () => {
    const events = [...plan, "begin engine 100"];
    expect(awk(events, { now: 130, cores: 4 })).toBe(
      "step 1 of 3 · Pulumi engine · usually 2 min · 0:30 so far, about 2 min left",
    );
  });

  test("goes on where a step takes longer than usual, and for one that nobody has measured", () => {
    const events = ["plan image-new", "begin image-new 100"];
    expect(awk(events, { now: 400, cores: 2 })).toBe("step 1 of 1 · image-new · 5:00 so far, about 5 s left");
  });

  test("leaves out what turned out not to be needed, and is empty between two steps", () => {
    const events = [...plan, "drop image-a", "begin node 100"];
    expect(awk(events, { now: 104, cores: 2 })).toBe(
      "step 1 of 2 · Node · usually 10 s · 0:04 so far, about 4 min left",
    );
    expect(awk([...plan, "begin node 100", "end node 108"], { now: 109, cores: 2 })).toBe("");
  });
});

describe("the estimate", () => {
  test.each([
    [["plan engine", "plan image-a"], 2, 260],
    [["plan engine", "plan image-a"], 4, 130],
    // One step alone takes as long as it takes, however many cores are idle.
    [["plan engine"], 2, 240],
    [["plan engine"], 64, 60],
  ])("of %j on %i cores is %i s", (events, cores, seconds) => {
    expect(awk(events, { estimate: 1, cores })).toBe(String(seconds));
  });

  test("is part of --check, in words and as JSON", () => {
    const root = emptyProject();
    const { estimatedSeconds } = JSON.parse(setup(root, "--check", "--json", "--only", "npm").stdout);
    const cores = Number(spawnSync("nproc", { encoding: "utf8" }).stdout);
    const [, , usual] =
      /^npm +(\d+) +(\d+)/m.exec(readFileSync(join(root, "tools/setup/durations"), "utf8")) ?? [];
    // npm alone uses little of the processors: what it usually takes is the greater bound.
    expect(estimatedSeconds).toBe(Math.trunc(Number(usual) * Math.max(2 / cores, 0.25)));
    expect(setup(root, "--check", "--only", "npm").stdout).toMatch(
      new RegExp(
        `→ run ./setup.sh to install what is missing: about \\d+ s at most on ${cores} cores \\(estimate\\)`,
      ),
    );
  });
});

test("a daemon that set-up starts depends on no folder of whoever was the first to need it", () => {
  const folder = makeProject(
    { dockerd: `#!/bin/sh\necho "$PWD \${TMPDIR-none} $DOCKER_TLS"\n` },
    { bare: true },
  );
  chmodSync(join(folder, "dockerd"), 0o755);
  const env = { PATH: `${folder}:${process.env.PATH}`, TMPDIR: folder, DOCKER_TLS: "kept" };
  const script = `. ${join(repository, "tools/setup/docker.sh")} && run_daemon`;
  const ran = spawnSync("bash", ["--norc", "-c", script], { cwd: folder, env, encoding: "utf8" });
  expect(ran.stdout).toBe("/ none kept\n");
});

describe("the engine beside everything else", () => {
  /** A project whose engine, npm and downloads are scripts. */
  function withStandIns(scripts: { readonly engine: string; readonly npm: string }) {
    const root = emptyProject();
    const bin = join(root, "bin");
    mkdirSync(bin);
    const write = (path: string, text: string) => {
      writeFileSync(path, `#!/bin/bash\n${text}\n`);
      chmodSync(path, 0o755);
    };
    write(
      join(root, "tools/engine/build"),
      `[ "$1" != --check ] || { echo cli; exit 1; }\n${scripts.engine}`,
    );
    write(join(bin, "npm"), scripts.npm);
    for (const name of ["curl", "wget"]) write(join(bin, name), "exit 1");
    write(join(bin, "go"), "echo go1.26.0");
    writeFileSync(
      join(root, "package-lock.json"),
      '{"packages":{"":{},"node_modules/a":{"version":"1.0.0"}}}',
    );
    const env = environment(root);
    return { root, env: { ...env, PATH: `${bin}:${env.PATH}` } };
  }
  /** A script that runs until it is stopped, and says that it has begun. */
  const endless = "echo $$ >started; exec sleep 300";
  const begun = async (path: string): Promise<number> => {
    for (;;) {
      try {
        const pid = Number(readFileSync(path, "utf8"));
        if (pid > 0) return pid;
      } catch {}
      await sleep(20);
    }
  };
  const runs = (pid: number): boolean => spawnSync("kill", ["-0", String(pid)]).status === 0;

  /** Runs set-up; how it ended, and what it said. */
  function start({ root, env }: ReturnType<typeof withStandIns>) {
    const child = spawn(join(root, "setup.sh"), ["--only", "node,npm,engine"], { env, cwd: root });
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
    const ended = new Promise<{ code: number | null; said: string }>((resolve) =>
      child.once("close", (code) => resolve({ code, said })),
    );
    return { child, ended };
  }

  test("a failing engine stops npm, shows its last lines, and ends set-up with 1", async () => {
    const project = withStandIns({
      npm: endless,
      engine: "until [ -s started ]; do sleep 0.02; done; echo 'undefined: somewhere'; exit 3",
    });
    const { ended } = start(project);
    const npm = await begun(join(project.root, "started"));
    const { code, said } = await ended;
    expect(code, said).toBe(1);
    expect(said).toContain(
      "engine: cli: failed with exit code 3; its last lines:\n          │ undefined: somewhere\n",
    );
    expect(said).toContain("✖ engine: cli could not be built\n");
    expect(said).toContain(
      "→ check that Go reaches its module proxy (go env GOPROXY), then run ./setup.sh again\n",
    );
    expect(said.match(/✖/g)).toHaveLength(1);
    expect(runs(npm)).toBe(false);
  });

  test("a failing npm stops the engine and says the one thing to do", async () => {
    const project = withStandIns({
      npm: "until [ -s started ]; do sleep 0.02; done; echo ENOTFOUND; exit 1",
      engine: endless,
    });
    const { ended } = start(project);
    const engine = await begun(join(project.root, "started"));
    const { code, said } = await ended;
    expect(code, said).toBe(1);
    expect(said).toContain("✖ npm: the packages could not be installed\n");
    expect(said.match(/✖/g)).toHaveLength(1);
    expect(runs(engine)).toBe(false);
  });

  test.each(["SIGINT", "SIGTERM"] as const)("%s stops both and cleans up", async (signal) => {
    const project = withStandIns({ npm: endless, engine: "echo $$ >started-engine; exec sleep 300" });
    const { child, ended } = start(project);
    const npm = await begun(join(project.root, "started"));
    const engine = await begun(join(project.root, "started-engine"));
    child.kill(signal);
    const { code, said } = await ended;
    expect(code).toBe(130);
    expect(said).toContain("set-up: interrupted; run ./setup.sh again to finish it\n");
    expect([runs(npm), runs(engine)]).toEqual([false, false]);
    const cache = readdirSync(join(project.root, "cache/datalab"));
    expect(cache.filter((name) => name.startsWith("setup-"))).toEqual([]);
  });

  test("both done: set-up ends with 0", async () => {
    const project = withStandIns({
      npm: "cp package-lock.json node_modules/.package-lock.json",
      engine: "echo built >>builds",
    });
    mkdirSync(join(project.root, "node_modules"));
    const { code, said } = await start(project).ended;
    expect(code, said).toBe(0);
    expect(said).toContain("engine: cli is in place\n");
    expect(said).toContain("npm: packages are in place\n");
    expect(readFileSync(join(project.root, "builds"), "utf8")).toBe("built\n");
  });

  test("on a terminal one living line says what is under way, and makes room for finished ones", async () => {
    const project = withStandIns({
      npm: "until [ -e go-on ]; do sleep 0.05; done; cp package-lock.json node_modules/.package-lock.json",
      engine: "until [ -e go-on ]; do sleep 0.05; done",
    });
    mkdirSync(join(project.root, "node_modules"));
    const anew = "\r\u001b[K";
    const command = `${join(project.root, "setup.sh")} --only node,npm,engine`;
    const child = spawn("script", ["-qefc", command, "/dev/null"], {
      env: { ...project.env, CI: "", TERM: "xterm" },
      cwd: project.root,
    });
    let shown = "";
    const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
    await new Promise<void>((resolve) =>
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        shown += text;
        if (shown.includes(`${anew}step 1 of 2 · `) && shown.includes("; step 2 of 2 · ")) resolve();
      }),
    );
    writeFileSync(join(project.root, "go-on"), "");
    expect(await ended, shown).toBe(0);
    const lines = shown.split(anew);
    expect(lines.filter((line) => /^\[[ \d.]+s\] npm: packages are in place\r\n$/.test(line))).toHaveLength(
      1,
    );
    expect(lines.at(-1)).toBe("");
  });
});
