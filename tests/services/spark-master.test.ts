import { spawn } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { render } from "../../src/model/refs.ts";
import { endWithMaster } from "../../src/services/spark/config.ts";

/** A master that says which applications it has, and a process that watches it. */
async function watched(): Promise<{
  say: (active: string[], completed?: string[]) => void;
  ended: Promise<string>;
}> {
  let body = "";
  const server = createServer((_request, response) => {
    if (body === "") response.statusCode = 500;
    response.end(body);
  }).listen(0, "127.0.0.1");
  await new Promise((listening) => server.once("listening", listening));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const script = render(endWithMaster(url, "connect", 0.1), () => "");
  // In a group of its own, because the watching process outlives the one that it watches.
  const child = spawn("bash", ["-c", `${script}exec sleep 60`], {
    stdio: ["ignore", "ignore", "pipe"],
    detached: true,
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    said += chunk;
  });
  const ended = new Promise<string>((resolve) => {
    child.once("close", (_code, signal) => resolve(`${signal}: ${said.trim()}`));
  });
  onTestFinished(async () => {
    try {
      process.kill(-(child.pid as number), "SIGKILL");
    } catch {} // the whole group has ended
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  });
  const list = (names: string[]) => names.map((name) => ({ id: `app-${name}`, name, state: "RUNNING" }));
  return {
    say: (active, completed = []) => {
      body = JSON.stringify({ activeapps: list(active), completedapps: list(completed) }, undefined, 2);
    },
    ended,
  };
}

test("a process ends when the master no longer knows its application", async () => {
  const { say, ended } = await watched();
  say(["other", "connect"]);
  await sleep(600);
  say(["other"], ["connect"]);
  expect(await ended).toBe("SIGTERM: the master no longer knows the application connect: starting again");
}, 30_000);

test("it waits for a master that is silent, and for its own registration", async () => {
  const { say, ended } = await watched();
  const first = Promise.race([ended, sleep(1500, "still there")]);
  expect(await first).toBe("still there");
  say([]);
  expect(await Promise.race([ended, sleep(1500, "still there")])).toBe("still there");
}, 30_000);
