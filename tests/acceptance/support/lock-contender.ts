/**
 * One of several processes that want the same stack: `lock-contender.ts PROJECT STACK FOLDER ROUNDS SEED`.
 * Takes the stack's lock again and again until FOLDER/rounds has so many lines, and adds one each time. Ends
 * with 3 when it meets somebody else inside. Now and then it kills itself there, as a machine would.
 */
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { DatalabError } from "../../../src/errors.ts";
import { isRunning } from "../../../src/ops/lock.ts";
import { withStackLock } from "../../../src/ops/stack-lock.ts";

const [project = "", stack = "", folder = "", rounds = "", seedText = ""] = process.argv.slice(2);
const commands = ["up", "down", "backup create", "backup restore", "backup prune", "promote"];
let seed = Number(seedText);
const random = () => {
  seed = (seed * 1103515245 + 12345) % 2 ** 31;
  return seed / 2 ** 31;
};
const inside = join(folder, "inside");
const log = join(folder, "rounds");
const count = () => (existsSync(log) ? readFileSync(log, "utf8").split("\n").length - 1 : 0);

/** Whoever is inside says who it is; one that was killed there is no longer. */
function enter(): void {
  try {
    mkdirSync(inside);
  } catch {
    const pid = Number(readFileSync(join(inside, "pid"), "utf8"));
    if (isRunning(pid)) {
      console.error(`${process.pid} met ${pid} inside`);
      process.exit(3);
    }
  }
  writeFileSync(join(inside, "pid"), String(process.pid));
}

while (count() < Number(rounds)) {
  const command = commands[Math.floor(random() * commands.length)] as string;
  try {
    await withStackLock({ project, stack }, `datalab ${command}`, async () => {
      enter();
      await sleep(random() * 20);
      appendFileSync(log, `${process.pid} ${command}\n`);
      if (random() < 0.05) process.kill(process.pid, "SIGKILL");
      rmSync(inside, { recursive: true });
    });
  } catch (error) {
    if (!(error instanceof DatalabError) || error.code !== "E_LOCKED") throw error;
  }
  await sleep(random() * 100);
}
