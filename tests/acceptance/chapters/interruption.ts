import { describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { labelled, processesOf, processTree } from "../support/leftovers.ts";
import type { Started } from "../support/project.ts";
import type { Tables } from "../support/shapes.ts";
import type { Stage } from "../support/stage.ts";

/** The words of each phase stand on stderr as it begins. */
const says = (up: Started, words: RegExp) =>
  eventually(`up says ${words}`, 120, () => {
    if (up.child.exitCode !== null) throw new Error(`it has ended:\n${up.output()}`);
    return words.test(up.output());
  });

/** What a terminal does at Ctrl-C: the whole process group gets the signal. */
const ctrlC = (up: Started) => process.kill(-up.pid, "SIGINT");

/** As when the machine runs out of memory: nobody can say a last word. */
export async function killAll(started: Started): Promise<void> {
  for (const pid of processTree(started.pid)) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {} // it has ended meanwhile
  }
  await started.ended;
}

/** Waits until an up has made some containers that are more than files. */
export const someContainers = (stage: Stage, up: Started, count: number) =>
  eventually(`${count} containers are made`, 120, () => {
    if (up.child.exitCode !== null) throw new Error(`up has ended:\n${up.output()}`);
    return labelled(stage.project).containers.filter((name) => !name.endsWith("-files")).length >= count;
  });

export function interruption(stage: Stage): void {
  const down = async () => {
    const ran = await stage.project.datalab("down", "--yes");
    expect(ran.code, ran.stderr).toBe(0);
  };
  const nothingToDo = async () => {
    const ran = await stage.project.datalab("preview", "--refresh", "--expect-no-changes");
    expect(ran.code, ran.stdout + ran.stderr).toBe(0);
  };

  describe("interruptions", () => {
    let before: Tables = [];

    test("of two ups at once one works, the other exits 4 at once and names who holds the lock", async () => {
      before = await stage.tables();
      await down();
      const first = stage.project.start("up");
      await says(first, /engine/);
      const second = await stage.project.datalab("up");
      expect(second.code).toBe(4);
      expect(second.seconds).toBeLessThan(3);
      expect(second.stderr).toContain(`(pid ${first.pid})`);
      expect(second.stderr).toContain("datalab up");
      const ran = await first.ended;
      expect(ran.code, ran.stderr).toBe(0);
    });

    test("Ctrl-C while the engine works ends with 130, and the next up finishes the job", async () => {
      await down();
      const up = stage.project.start("up");
      await someContainers(stage, up, 2);
      ctrlC(up);
      const ran = await up.ended;
      expect(ran.code, ran.stderr).toBe(130);
      expect(processesOf(stage.project)).toEqual([]);
      await stage.up();
    });

    test("Ctrl-C while the checks are waited for ends with 130, and the next up finishes the job", async () => {
      await down();
      const up = stage.project.start("up");
      await says(up, /readiness/);
      ctrlC(up);
      const ran = await up.ended;
      expect(ran.code, ran.stderr).toBe(130);
      expect(processesOf(stage.project)).toEqual([]);
      await stage.up();
    });

    test("kill -9 of everything in the middle of an up is recovered from by the next one", async () => {
      await down();
      const up = stage.project.start("up");
      await someContainers(stage, up, 2);
      await killAll(up);
      await stage.up();
      await nothingToDo();
    });

    test("what a down had removed when it was killed is there again after the next up", async () => {
      const down = stage.project.start("down", "--yes");
      await eventually("the containers are gone", 120, () => labelled(stage.project).containers.length === 0);
      await killAll(down);
      await stage.up();
      await nothingToDo();
    });

    test("so are containers that were removed by hand", async () => {
      stage.project.docker("rm", "--force", ...labelled(stage.project).containers);
      await stage.up();
      await nothingToDo();
    });

    test("and after all that the tables are what they were", async () => {
      expect(await stage.tables()).toEqual(before);
    });
  });
}
