import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { labelled, processesOf, removeLabelled } from "../../support/leftovers.ts";
import { s3 } from "../../support/object-store.ts";
import { Project } from "../../support/project.ts";
import * as shapes from "../../support/shapes.ts";
import type { Stage } from "../../support/stage.ts";

/** Beside the stage's own; below the range that the kernel takes ports of outgoing connections from. */
const second = { stack: "acc3", portOffset: 16_000 };

/**
 * Another stack on the same machine: docs/setup.md, "Two stacks". `platform` is what it has beside its
 * offset.
 */
export function secondStack(stage: Stage, platform: Readonly<Record<string, unknown>>): void {
  describe("a second stack on the same machine", () => {
    let other: Project;
    const mine = () => stage.project;

    beforeAll(() => {
      other = new Project(second.stack, { portOffset: second.portOffset, ...platform });
      removeLabelled(other);
    }, 300_000);
    afterAll(async () => {
      await other.datalab("down", "--delete-data", "--yes");
      removeLabelled(other);
      for (const line of processesOf(other)) process.kill(Number.parseInt(line, 10), "SIGKILL");
      other.remove();
    }, 300_000);

    test("comes up beside the first, which does not change", async () => {
      const before = labelled(mine());
      const ran = await other.datalab("up");
      expect(ran.code, ran.stderr).toBe(0);
      expect(labelled(mine())).toEqual(before);
      for (const project of [mine(), other]) {
        const { services } = shapes.status.parse(await project.json("platform", "status"));
        expect(services.filter(({ state }) => state !== "healthy")).toEqual([]);
      }
    });

    /** Tries to connect from inside a container, by bash alone: 0 when it works. */
    const connects = (project: Project, workload: string, host: string, port: number): boolean => {
      const container = `datalab-${project.stack}-${workload}`;
      const script = `timeout 3 bash -c ': </dev/tcp/${host}/${port}' && echo reached`;
      return project.dockerOutput("exec", container, "bash", "-c", script).includes("reached");
    };
    const address = (project: Project, workload: string): string =>
      project
        .docker(
          "inspect",
          "--format",
          "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}",
          `datalab-${project.stack}-${workload}`,
        )
        .trim();

    test("neither reaches the other's network, by name or by address", () => {
      const targets = [
        ["postgres", 5432],
        ["object-store", 9000],
        ["prefect", 4200],
      ] as const;
      for (const [from, to] of [
        [mine(), other],
        [other, mine()],
      ] as const) {
        for (const [workload, port] of targets) {
          // That the try itself works is shown by the stack's own.
          expect(connects(from, "prefect-worker", workload, port), `${from.stack}: own ${workload}`).toBe(
            true,
          );
          const there = address(to, workload);
          expect(connects(from, "prefect-worker", there, port), `${from.stack} -> ${there}:${port}`).toBe(
            false,
          );
          const name = `datalab-${to.stack}-${workload}`;
          expect(connects(from, "prefect-worker", name, port), `${from.stack} -> ${name}`).toBe(false);
          // A name means the stack's own, whoever else has one like it.
          const resolved = from
            .docker("exec", `datalab-${from.stack}-prefect-worker`, "getent", "hosts", workload)
            .split(/\s+/)[0];
          expect(resolved).toBe(address(from, workload));
        }
      }
    });

    test("no secret is the other's", async () => {
      const values = async (project: Project) => {
        const list = await project.json<{ id: string }[]>("secrets", "list", "--all");
        const shown = list.map(({ id }) => project.json<{ value: string }>("secrets", "show", id));
        return (await Promise.all(shown)).map(({ value }) => value);
      };
      const [one, two] = [await values(mine()), await values(other)];
      expect(new Set([...one, ...two]).size).toBe(one.length + two.length);
    });

    test("one stack's key opens nothing in the other's object store, and a table is in its own lake only", async () => {
      const key = await stage.secret("prefect/lake");
      const client = s3("prefect.lake", key, 9000 + second.portOffset);
      const { ListObjectsV2Command } = await import("@aws-sdk/client-s3");
      await expect(client.send(new ListObjectsV2Command({ Bucket: "bronze" }))).rejects.toMatchObject({
        $metadata: { httpStatusCode: 403 },
      });
      client.destroy();
      const file = other.write("visitors.csv", "name,visits\nada,1\ngrace,2\n");
      const before = await stage.tables();
      const ran = await other.datalab("data", "ingest", file, "visitors");
      expect(ran.code, ran.stderr).toBe(0);
      const theirs = shapes.tables.parse(await other.json("data", "list-tables"));
      expect(theirs.map(({ layer, name, rows }) => [layer, name, rows])).toEqual([["bronze", "visitors", 2]]);
      expect(await stage.tables()).toEqual(before);
    });

    test("destroying one leaves the other untouched", async () => {
      const before = labelled(mine());
      const tables = await stage.tables();
      const started = () =>
        mine().docker("inspect", "--format", "{{.Id}} {{.State.StartedAt}}", ...before.containers);
      const running = started();
      const ran = await other.datalab("down", "--delete-data", "--yes");
      expect(ran.code, ran.stderr).toBe(0);
      expect(labelled(other)).toEqual({ containers: [], networks: [], volumes: [] });
      expect(labelled(mine())).toEqual(before);
      expect(started()).toBe(running);
      expect(await stage.tables()).toEqual(tables);
      const { services } = shapes.status.parse(await mine().json("platform", "status"));
      expect(services.filter(({ state }) => state !== "healthy")).toEqual([]);
    });
  });
}
