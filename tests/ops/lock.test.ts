import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { hostname, userInfo } from "node:os";
import { join, resolve } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { DatalabError } from "../../src/errors.ts";
import { type Holder, isRunning, lockCheckout, thisProcess } from "../../src/ops/lock.ts";

import { makeProject } from "../support/project.ts";

const locks = (project: string) => join(project, ".datalab", "locks");
const file = (project: string) => join(locks(project), "dev.json");
const holderOf = (project: string) => JSON.parse(readFileSync(file(project), "utf8")) as Holder;

/** A lock that somebody else has left. */
function leave(project: string, holder: Partial<Holder>): void {
  mkdirSync(locks(project), { recursive: true });
  const since = "2026-01-31T12:00:00.000Z";
  const whole = {
    pid: 1,
    started: "",
    host: hostname(),
    user: "ann",
    command: "datalab up",
    since,
    ...holder,
  };
  writeFileSync(file(project), JSON.stringify(whole));
}

/** Another process that takes the lock and holds it until it is told to end. */
async function otherProcess(project: string): Promise<ChildProcess> {
  const lock = resolve(import.meta.dirname, "../../src/ops/lock.ts");
  const script = `import { lockCheckout, thisProcess } from ${JSON.stringify(lock)};
lockCheckout(${JSON.stringify(project)}, "dev", thisProcess("datalab down"));
console.log("held");
setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child.stdout as NodeJS.ReadableStream, "data");
  return child;
}

function refusal(work: () => unknown): DatalabError {
  try {
    work();
  } catch (error) {
    if (error instanceof DatalabError) return error;
    throw error;
  }
  throw new Error("the lock was given");
}

test("a lock says who works on the stack, and is gone when it is given back", () => {
  const project = makeProject({});
  const lock = lockCheckout(project, "dev", thisProcess("datalab up"));
  expect(holderOf(project)).toEqual({
    pid: process.pid,
    started: expect.stringMatching(/^\d+$/),
    host: hostname(),
    boot: expect.stringMatching(/^[0-9a-f-]{36}\/\d+$/),
    user: userInfo().username,
    command: "datalab up",
    since: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
  });
  lock.release();
  expect(readdirSync(locks(project))).toEqual([]);
});

test("stacks have locks of their own", () => {
  const project = makeProject({});
  const one = lockCheckout(project, "dev", thisProcess("datalab up"));
  const other = lockCheckout(project, "staging", thisProcess("datalab up"));
  one.release();
  expect(readdirSync(locks(project))).toEqual(["staging.json"]);
  other.release();
});

describe("of two processes", () => {
  test("the second is refused at once, and told who holds the lock", async () => {
    const project = makeProject({});
    const child = await otherProcess(project);
    const { since } = holderOf(project);
    const error = refusal(() => lockCheckout(project, "dev", thisProcess("datalab up")));
    expect(error).toMatchObject({
      code: "E_LOCKED",
      exitCode: 4,
      message: `The stack dev is locked: datalab down of ${userInfo().username}@${hostname()} (pid ${child.pid}) holds the lock since ${since}.`,
      hint: "Wait for it to end, or stop it with Ctrl-C in its terminal.",
    });
    expect(readdirSync(locks(project))).toEqual(["dev.json"]);
    expect(holderOf(project).pid).toBe(child.pid);
  });

  test("the second takes the lock over when the first was killed", async () => {
    const project = makeProject({});
    const child = await otherProcess(project);
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(existsSync(file(project))).toBe(true);
    lockCheckout(project, "dev", thisProcess("datalab up")).release();
    expect(existsSync(file(project))).toBe(false);
  });
});

describe("a lock that was left", () => {
  test("by a pid that is used again by another process is taken over", () => {
    const project = makeProject({});
    leave(project, { pid: process.pid, started: "1" });
    lockCheckout(project, "dev", thisProcess("datalab up")).release();
    expect(existsSync(file(project))).toBe(false);
  });

  test("by a pid that nobody has is taken over", () => {
    const project = makeProject({});
    leave(project, { pid: 2 ** 22 - 1, started: "1" });
    lockCheckout(project, "dev", thisProcess("datalab up")).release();
  });

  test("on another host is believed, for nobody here can tell", () => {
    const project = makeProject({});
    leave(project, { pid: 2 ** 22 - 1, host: "elsewhere" });
    expect(refusal(() => lockCheckout(project, "dev", thisProcess("datalab up"))).message).toBe(
      `The stack dev is locked: datalab up of ann@elsewhere (pid ${2 ** 22 - 1}) holds the lock since 2026-01-31T12:00:00.000Z.`,
    );
  });

  test("before this boot of the host is taken over, whoever has its pid by now", () => {
    const project = makeProject({});
    leave(project, { pid: process.pid, boot: "11111111-2222-3333-4444-555555555555/1" });
    lockCheckout(project, "dev", thisProcess("datalab up")).release();
    expect(existsSync(file(project))).toBe(false);
  });

  test("in another pid namespace of this host is believed", () => {
    const project = makeProject({});
    const [boot] = thisProcess("x").boot?.split("/") ?? [];
    leave(project, { pid: 2 ** 22 - 1, boot: `${boot}/1` });
    expect(refusal(() => lockCheckout(project, "dev", thisProcess("datalab up"))).code).toBe("E_LOCKED");
  });

  test("and that can't be read counts as held, and stays", () => {
    const project = makeProject({});
    // A folder in its place fails for root as well, whom no mode keeps out.
    mkdirSync(file(project), { recursive: true });
    expect(refusal(() => lockCheckout(project, "dev", thisProcess("datalab up")))).toMatchObject({
      code: "E_LOCKED",
      exitCode: 4,
      message: `The stack dev is locked by another user: ${file(project)} can't be read.`,
    });
    expect(readdirSync(locks(project))).toEqual(["dev.json"]);
  });

  test("half-written is taken over", () => {
    const project = makeProject({});
    mkdirSync(locks(project), { recursive: true });
    writeFileSync(file(project), '{"pid": 12');
    lockCheckout(project, "dev", thisProcess("datalab up")).release();
    expect(readdirSync(locks(project))).toEqual([]);
  });
});

test("a lock that somebody else has by now is not given back by us", () => {
  const project = makeProject({});
  const lock = lockCheckout(project, "dev", thisProcess("datalab up"));
  leave(project, { pid: 1, host: "elsewhere" });
  lock.release();
  expect(holderOf(project).host).toBe("elsewhere");
});

test("a process is running until it is not", async () => {
  const child = spawn(process.execPath, ["--eval", "setInterval(() => {}, 1000)"]);
  await once(child, "spawn");
  expect(isRunning(child.pid as number)).toBe(true);
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(isRunning(child.pid as number)).toBe(false);
});

test("a process that has ended and was not collected yet works no more", async () => {
  // The shell starts a child and becomes a program that never waits. Only then does the child end, and is
  // left a zombie: a shell that is still a shell would collect it.
  const child = 'while [ "$(cat /proc/$$/comm)" != sleep ]; do :; done';
  const parent = spawn("sh", ["-c", `{ ${child}; } >/dev/null & echo $!; exec sleep 60`], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  onTestFinished(() => void parent.kill("SIGKILL"));
  const [chunk] = (await once(parent.stdout, "data")) as [Buffer];
  const pid = Number(chunk.toString());
  const state = () => /^State:\s+(\w)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  await expect.poll(state, { timeout: 15_000 }).toBe("Z");
  expect(isRunning(pid)).toBe(false);
  expect(isRunning(process.pid)).toBe(true);
});
