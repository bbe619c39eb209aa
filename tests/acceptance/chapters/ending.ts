import { describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { dataVolumes, labelled, processesOf } from "../support/leftovers.ts";
import type { Tables } from "../support/shapes.ts";
import type { Stage } from "../support/stage.ts";
import { killAll, someContainers } from "./interruption.ts";

/** `killed`: the up that adopts the volumes dies half way first. */
export function ending(stage: Stage, killed = false): void {
  describe("down", () => {
    let volumes: readonly string[] = [];
    let tables: Tables = [];

    test("leaves no container, network or process, and lists the volumes it keeps", async () => {
      volumes = dataVolumes(stage.project);
      expect(volumes.length).toBeGreaterThan(0);
      tables = await stage.tables();
      expect(tables.length).toBeGreaterThan(0);
      const ran = await stage.project.datalab("down", "--yes");
      expect(ran.code, ran.stderr).toBe(0);
      for (const name of volumes) expect(ran.stdout).toContain(name);
      expect(labelled(stage.project)).toEqual({ containers: [], networks: [], volumes });
      expect(processesOf(stage.project)).toEqual([]);
    });

    test("asks first, and without somebody to answer does nothing", async () => {
      const ran = await stage.project.datalab("down");
      expect(ran.code).not.toBe(0);
      expect(labelled(stage.project).volumes).toEqual(volumes);
    });

    if (killed) {
      test("two ups at once: one works, the other exits 4 and names it; kill -9 of everything ends the first", async () => {
        const first = stage.project.start("up");
        await eventually("up has begun", 120, () => first.output().includes("engine"));
        const second = await stage.project.datalab("up");
        expect(second.code).toBe(4);
        expect(second.stderr).toContain(`(pid ${first.pid})`);
        await someContainers(stage, first, 5);
        await killAll(first);
      });
    }

    test("and the next up shows the same tables", async () => {
      await stage.up();
      expect(await stage.tables()).toEqual(tables);
      const ran = await stage.project.datalab("preview", "--refresh", "--expect-no-changes");
      expect(ran.code, ran.stdout + ran.stderr).toBe(0);
    });

    test("--delete-data leaves nothing at all", async () => {
      const ran = await stage.project.datalab("down", "--delete-data", "--yes");
      expect(ran.code, ran.stderr).toBe(0);
      for (const name of volumes) expect(ran.stdout).toContain(name);
      expect(labelled(stage.project)).toEqual({ containers: [], networks: [], volumes: [] });
      expect(processesOf(stage.project)).toEqual([]);
    });
  });
}
