import { beforeAll, describe, expect, test } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { servicePid } from "../../support/leftovers.ts";
import { flowRun, startMedallion } from "../../support/runs.ts";
import type { Tables } from "../../support/shapes.ts";
import { coreUrl, type Stage } from "../../support/stage.ts";

const killed = [
  ["postgres", "postgres"],
  ["object-store", "object-store"],
  ["prefect", "prefect"],
  ["prefect", "prefect-worker"],
] as const;

export function killedServices(stage: Stage): void {
  describe("a service whose process is killed from outside", () => {
    let before: Tables = [];
    beforeAll(async () => {
      before = await stage.tables();
    });

    test.each(killed)("%s is healthy again within 60 s after kill -9 of %s", async (service, workload) => {
      const container = stage.container(workload);
      const starts = restarts(stage, container);
      process.kill(servicePid(stage.project, container), "SIGKILL");
      await eventually(`${container} is started again`, 30, () => restarts(stage, container) > starts);
      await eventually(`${service} is healthy`, 60, async () => {
        const answer = await fetch(`${coreUrl}/check`, {
          method: "POST",
          signal: AbortSignal.timeout(60_000),
        });
        const { state } = (await answer.json()) as { state: string };
        return state === "healthy";
      });
    });

    test("a run that dies with its worker holds up nobody: it is Crashed, and the next one goes on", async () => {
      const first = await flowRun(stage, await startMedallion(stage));
      await eventually("the run has begun", 90, async () => (await first()).state.type === "RUNNING");
      process.kill(servicePid(stage.project, stage.container("prefect-worker")), "SIGKILL");
      // Its pipeline runs only once at a time: the slot of the dead run is what the next one waits for.
      const ran = await stage.runMedallion();
      expect(ran.code, ran.stderr).toBe(0);
      expect((await first()).state).toMatchObject({ type: "CRASHED", message: "Its worker was killed." });
    });

    test("a run that was only claimed when its worker died is done by the next worker", async () => {
      const run = await flowRun(stage, await startMedallion(stage));
      await eventually("the run is claimed", 90, async () => (await run()).state.type !== "SCHEDULED");
      const { type } = (await run()).state;
      process.kill(servicePid(stage.project, stage.container("prefect-worker")), "SIGKILL");
      const end = type === "PENDING" ? "COMPLETED" : "CRASHED";
      await eventually(`the run is ${end}`, 180, async () => (await run()).state.type === end);
    });

    test("and has its data", async () => {
      expect(await stage.tables()).toEqual(before);
      const ran = await stage.runMedallion();
      expect(ran.code, ran.stderr).toBe(0);
    });
  });
}

const restarts = (stage: Stage, container: string): number =>
  Number(stage.project.docker("inspect", "--format", "{{.RestartCount}}", container));
