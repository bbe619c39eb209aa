import { describe, expect, test } from "vitest";
import { dataVolumes, labelled, processesOf } from "../support/leftovers.ts";
import type { Tables } from "../support/shapes.ts";
import type { Stage } from "../support/stage.ts";

export function ending(stage: Stage): void {
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

    test("and the next up shows the same tables", async () => {
      await stage.up();
      expect(await stage.tables()).toEqual(tables);
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
