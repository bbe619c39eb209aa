import { beforeAll, describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { flowRun, runsUnderWay, startMedallion } from "../support/runs.ts";
import type { Tables } from "../support/shapes.ts";
import * as shapes from "../support/shapes.ts";
import type { Stage } from "../support/stage.ts";

interface Controlled {
  readonly services: readonly { readonly name: string; readonly state: string; readonly changed: boolean }[];
}

/** Batch operations on services: docs/cli.md, services start|stop|restart. */
export function stopStart(stage: Stage): void {
  const containers = (...filter: string[]) =>
    stage.project
      .docker(
        "ps",
        "--filter",
        `label=datalab.stack=${stage.project.stack}`,
        ...filter,
        "--format",
        "{{.Names}}",
      )
      .split("\n")
      .filter((name) => name !== "");
  const states = async () => {
    const ran = await stage.project.datalab("platform", "status", "--json");
    return shapes.status.parse(JSON.parse(ran.stdout)).services;
  };

  describe("services stop and start", () => {
    let before: Tables = [];
    beforeAll(async () => {
      before = await stage.tables();
    });

    test("what others need is not stopped under them", async () => {
      const ran = await stage.project.datalab("services", "stop", "postgres");
      expect(ran.code).toBe(2);
      expect(ran.stderr).toContain("prefect");
      expect(ran.stderr).toContain("--with-dependents");
      expect((await states()).every(({ state }) => state === "healthy")).toBe(true);
    });

    test("stop --all lets a run end, and leaves no container running", async () => {
      const run = await flowRun(stage, await startMedallion(stage));
      await eventually("the run has begun", 90, async () => (await run()).state.type === "RUNNING");
      const ran = await stage.project.datalab("services", "stop", "--all", "--json");
      expect(ran.code, ran.stderr).toBe(0);
      const { services } = JSON.parse(ran.stdout) as Controlled;
      expect(services.every(({ state, changed }) => state === "stopped" && changed)).toBe(true);
      expect(containers()).toEqual([]);
    });

    test("platform status shows every service as stopped, with exit code 1", async () => {
      const ran = await stage.project.datalab("platform", "status", "--json");
      expect(ran.code).toBe(1);
      expect(new Set((await states()).map(({ state }) => state))).toEqual(new Set(["stopped"]));
    });

    test("stopping again does nothing", async () => {
      const { services } = await stage.project.json<Controlled>("services", "stop", "--all");
      expect(services.some(({ changed }) => changed)).toBe(false);
    });

    test("starting one starts what it needs, and says so", async () => {
      const ran = await stage.project.json<Controlled>("services", "start", "core", "prefect");
      expect(ran.services.map(({ name }) => name)).toEqual(
        expect.arrayContaining(["core", "postgres", "object-store", "prefect"]),
      );
      expect(ran.services.every(({ state }) => state === "healthy")).toBe(true);
    });

    test("start --all brings everything back, with its data and no run left Running", async () => {
      const ran = await stage.project.datalab("services", "start", "--all", "--json");
      expect(ran.code, ran.stderr + ran.stdout).toBe(0);
      expect((await states()).every(({ state }) => state === "healthy")).toBe(true);
      expect((await runsUnderWay(stage)).filter(({ name }) => !name.startsWith("datalab-health"))).toEqual(
        [],
      );
      const after = await stage.tables();
      expect(after.map(({ layer, name, rows }) => [layer, name, rows])).toEqual(
        before.map(({ layer, name, rows }) => [layer, name, rows]),
      );
      const again = await stage.runMedallion();
      expect(again.code, again.stderr).toBe(0);
    });

    test("restart of one leaves the others alone", async () => {
      const started = () =>
        stage.project
          .docker("inspect", "--format", "{{.State.StartedAt}}", stage.container("prefect"))
          .trim();
      const at = started();
      const ran = await stage.project.json<Controlled>("services", "restart", "object-store");
      expect(ran.services).toMatchObject([{ name: "object-store", state: "healthy", changed: true }]);
      expect(started()).toBe(at);
      const medallion = await stage.runMedallion();
      expect(medallion.code, medallion.stderr).toBe(0);
    });

    test("up starts what was stopped", async () => {
      await stage.project.json("services", "stop", "prefect");
      await stage.up();
      // What was known of it before it was stopped would pass for well.
      const listed = await stage.project.datalab("pipelines", "list");
      expect(listed.code, listed.stderr).toBe(0);
      expect((await states()).every(({ state }) => state === "healthy")).toBe(true);
    });
  });
}
