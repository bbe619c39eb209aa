import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { alone } from "../../src/images/alone.ts";
import { setVariable } from "../support/programs.ts";
import { makeProject } from "../support/project.ts";

const lockOf = () => join(makeProject({}, { bare: true }), "compiling.lock");

test("two pieces of work never overlap, and each has its result", async () => {
  const lock = lockOf();
  const order: string[] = [];
  const work = (name: string) =>
    alone(lock, undefined, async () => {
      order.push(`${name} begins`);
      await sleep(20);
      order.push(`${name} ends`);
      return name;
    });
  const results = await Promise.all([work("a"), work("b")]);
  expect(results).toEqual(["a", "b"]);
  expect(order[1]).toBe(order[0]?.replace("begins", "ends"));
  expect(order[3]).toBe(order[2]?.replace("begins", "ends"));
});

test("waits for another program that holds the lock, until that ends", async () => {
  const lock = lockOf();
  const holder = spawn("flock", [lock, "sh", "-c", "echo held; exec cat"]);
  await new Promise((resolve) => holder.stdout.once("data", resolve));
  let done = false;
  const waiting = alone(lock, undefined, async () => {
    done = true;
  });
  await sleep(100);
  expect(done).toBe(false);
  holder.stdin.end();
  await waiting;
  expect(done).toBe(true);
});

test("work that fails lets go of the lock", async () => {
  const lock = lockOf();
  await expect(alone(lock, undefined, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(await alone(lock, undefined, async () => 7)).toBe(7);
});

test("an abort ends the waiting", async () => {
  const lock = lockOf();
  const holder = spawn("flock", [lock, "sh", "-c", "echo held; exec cat"]);
  await new Promise((resolve) => holder.stdout.once("data", resolve));
  const stop = new AbortController();
  const waiting = alone(lock, stop.signal, async () => "never");
  stop.abort();
  await expect(waiting).rejects.toThrow(/abort/i);
  holder.stdin.end();
});

test("where there is no flock, the work is done", async () => {
  const folder = makeProject({}, { bare: true });
  writeFileSync(join(folder, "nothing"), "");
  setVariable("PATH", folder);
  expect(await alone(join(folder, "lock"), undefined, async () => "done")).toBe("done");
});
