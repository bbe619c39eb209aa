import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { standIn } from "../support/programs.ts";
import { filesIn, inDocker, left, processesWith } from "./leftovers.ts";

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "datalab-left-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

test("a process that was started with the suite's folder is found until it has ended, whoever its parent is", async () => {
  const own = folder();
  const env = { PATH: process.env.PATH, TMPDIR: own };
  const other = spawn("sleep", ["60"], { env: { ...env, TMPDIR: `${own}-other` }, stdio: "ignore" });
  // The shell ends at once and leaves its child behind.
  const shell = spawn("bash", ["-c", "sleep 61 & echo $!"], { env, stdio: ["ignore", "pipe", "ignore"] });
  const [pid] = (await once(shell.stdout.setEncoding("utf8"), "data")) as [string];
  onTestFinished(() => void other.kill("SIGKILL"));
  try {
    await once(shell, "exit");
    expect(processesWith(own)).toEqual([`process ${pid.trim()}: sleep 61`]);
  } finally {
    process.kill(Number(pid), "SIGKILL");
  }
  expect(await left([], () => processesWith(own), 10)).toEqual([]);
});

test("what was there before is not reported, and what is just ending gets some seconds", async () => {
  const own = folder();
  writeFileSync(join(own, "datalab-before"), "");
  const before = filesIn(own);
  expect(before).toEqual(["temporary file datalab-before"]);
  writeFileSync(join(own, "datalab-left"), "");
  expect(await left(before, () => filesIn(own), 0)).toEqual(["temporary file datalab-left"]);
  let looks = 0;
  expect(await left([], () => (looks++ < 2 ? ["process 1: ends"] : []), 10)).toEqual([]);
  expect(looks).toBe(3);
});

test("of Docker, stacks that this run has started and its own test containers are looked at, and nobody else's", () => {
  const own = standIn(
    "docker",
    `const label = args.find((word) => word.startsWith("label="));
    const found = {
      "container label=datalab.stack": "datalab-acc2-core\\tacc2\\ndatalab-dev-core\\tdev\\n",
      "network label=datalab.stack": "datalab-acc2-drill\\tacc2-drill\\n",
      "volume label=datalab.stack": "datalab-acc1-data\\tacc1\\n",
      "container label=datalab.lock": "datalab-acc2.lock\\tacc2\\ndatalab-dev.lock\\tdev\\n",
      "container label=datalab.tests": "browser\\trun-1\\nothers\\trun-2\\n",
    };
    process.stdout.write(found[args[0] + " " + label] ?? "");`,
  );
  const docker = join(own, "docker");
  expect(inDocker(docker, new Set(["acc2", "acc2-drill"]), "run-1")).toEqual([
    "container datalab-acc2-core",
    "lock datalab-acc2.lock",
    "container browser",
    "network datalab-acc2-drill",
  ]);
  expect(inDocker(docker, new Set(), "")).toEqual([]);
});

test("the runner is told by the exit code, and people by the names", () => {
  const [own, other] = [folder(), folder()];
  const env = { ...process.env, TMPDIR: own, DATALAB_DOCKER: "/bin/false", DATALAB_TEST_CONTEXT: "" };
  const run = (...args: string[]) => {
    const { status, stdout } = spawnSync(
      process.execPath,
      [join(import.meta.dirname, "leftovers.ts"), ...args],
      { encoding: "utf8", env },
    );
    return { status, stdout };
  };
  const noted = join(other, "before.json");
  writeFileSync(join(own, "datalab-before"), "");
  expect(run("note", noted)).toEqual({ status: 0, stdout: "" });
  expect(run("check", noted, "0")).toEqual({ status: 0, stdout: "" });
  writeFileSync(join(own, "datalab-left"), "");
  expect(run("check", noted, "0")).toEqual({
    status: 1,
    stdout: "✖ left behind: temporary file datalab-left\n",
  });
});
