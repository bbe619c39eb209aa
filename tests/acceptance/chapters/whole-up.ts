import { describe, expect, test } from "vitest";
import { services } from "../../../src/services/index.ts";
import { labelled } from "../support/leftovers.ts";
import * as shapes from "../support/shapes.ts";
import type { Stage } from "../support/stage.ts";

/** What a stack has when nothing is configured. */
const byDefault = services.filter((s) => s.enabledByDefault !== false).map((s) => s.name);

export function wholeUp(stage: Stage): void {
  describe("every service at once", () => {
    test("comes up on empty volumes, unattended, with every functional check passing", async () => {
      const ran = await stage.project.datalab("up");
      expect(ran.code, ran.stderr).toBe(0);
      console.log(ran.stdout);
      const status = shapes.status.parse(await stage.project.json("platform", "status"));
      expect(status.services.map((s) => s.name).sort()).toEqual([...byDefault].sort());
      const failing = status.services.flatMap(({ name, state, checks }) =>
        state === "healthy" ? [] : [`${name} ${state}: ${JSON.stringify(checks.filter((c) => !c.ok))}`],
      );
      expect(failing).toEqual([]);
    });

    test("a second up changes nothing", async () => {
      expect(Object.keys(shapes.upped.parse(await stage.project.json("up")).changes)).toEqual(["same"]);
    });

    test("nothing is left for plain pulumi to change either", async () => {
      const { stack } = stage.project;
      const ran = await stage.project.shell(
        `pulumi preview --stack ${stack} --refresh --expect-no-changes --non-interactive`,
      );
      expect(ran.code, ran.stdout + ran.stderr).toBe(0);
    });

    test("one container publishes ports, on the loopback interface only", () => {
      const publishing = labelled(stage.project).containers.flatMap((name) => {
        const ports = JSON.parse(
          stage.project.docker("inspect", "--format", "{{json .NetworkSettings.Ports}}", name),
        ) as Record<string, { HostIp: string; HostPort: string }[] | null>;
        const bound = Object.values(ports).flatMap((b) => b ?? []);
        return bound.length === 0 ? [] : [{ name, addresses: [...new Set(bound.map((b) => b.HostIp))] }];
      });
      expect(publishing).toEqual([{ name: stage.container("gateway"), addresses: ["127.0.0.1"] }]);
    });

    test("every container is confined; the Docker API is one's only", () => {
      const names = labelled(stage.project).containers.filter((name) => !name.endsWith("-files"));
      const inspected = JSON.parse(stage.project.docker("inspect", ...names)) as {
        Name: string;
        Config: { User: string };
        HostConfig: {
          ReadonlyRootfs: boolean;
          CapDrop: string[];
          CapAdd: string[] | null;
          SecurityOpt: string[];
          Privileged: boolean;
          Memory: number;
          MemorySwap: number;
        };
        Mounts: { Type: string; Source: string }[];
      }[];
      expect(inspected.length).toBeGreaterThan(15);
      for (const { Name, Config, HostConfig } of inspected) {
        expect(Config.User, Name).toBe("10001:10001");
        expect(HostConfig, Name).toMatchObject({ ReadonlyRootfs: true, Privileged: false, CapDrop: ["ALL"] });
        expect(HostConfig.CapAdd ?? [], Name).toEqual([]);
        expect(HostConfig.SecurityOpt, Name).toContain("no-new-privileges:true");
        expect(HostConfig.Memory, Name).toBeGreaterThan(0);
        expect(HostConfig.MemorySwap, Name).toBe(HostConfig.Memory);
      }
      const bound = inspected.flatMap(({ Name, Mounts }) =>
        Mounts.filter((m) => m.Type === "bind").map((m) => [Name, m.Source]),
      );
      expect(bound).toEqual([[`/${stage.container("agent")}`, "/var/run/docker.sock"]]);
    });
  });
}
