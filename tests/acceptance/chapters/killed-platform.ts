import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, test } from "vitest";
import type { PlatformOutput } from "../../../src/outputs/platform.ts";
import { onlyInAll } from "../../support/tier.ts";
import { eventually } from "../support/eventually.ts";
import { servicePid } from "../support/leftovers.ts";
import { objectStore } from "../support/object-store.ts";
import type { Stage } from "../support/stage.ts";

/** Rounds in which each dies; the default tier has the first. */
const rounds = [1, 2, 3, 4, 5];

interface Health {
  readonly state: string;
  readonly services: readonly { readonly name: string; readonly state: string }[];
}

/** What the platform says of itself, asked for anew. */
async function check(stage: Stage, service?: string): Promise<Health> {
  const token = await stage.secret("gateway/token");
  const query = service ? `?service=${service}` : "";
  const answer = await fetch(`http://127.0.0.1:${stage.port(7070)}/check${query}`, {
    method: "POST",
    // The gateway is killed between two calls: a kept connection would lead to nobody.
    headers: { authorization: `Bearer ${token}`, connection: "close" },
    signal: AbortSignal.timeout(120_000),
  });
  return (await answer.json()) as Health;
}

const allHealthy = async (stage: Stage) => {
  const { state, services } = await check(stage);
  if (state === "healthy") return true;
  throw new Error(`not healthy: ${JSON.stringify(services.filter((s) => s.state !== "healthy"))}`);
};

export function killedPlatform(stage: Stage): void {
  describe("every service is killed", () => {
    let workloads: { service: string; name: string }[] = [];
    beforeAll(async () => {
      const output = (
        await stage.project.shell(`pulumi stack output platform --json --stack ${stage.project.stack}`)
      ).stdout;
      const platform = JSON.parse(output) as PlatformOutput;
      workloads = platform.services.flatMap((service) =>
        service.workloads.filter((w) => !w.oneShot).map((w) => ({ service: service.name, name: w.name })),
      );
      expect(workloads.length).toBeGreaterThan(15);
    });

    const everyDeath = (round: number) =>
      test(`round ${round}: all are healthy again, and what was acknowledged is there`, async () => {
        const before = await stage.tables();
        const lake = await objectStore(stage, "prefect/lake");
        const key = `acceptance/killed-${round}`;
        await lake.put("artifacts", key, `acknowledged in round ${round}`);
        // Another order each time, so that each dies with others of its needs alive or gone.
        const order = workloads.map((w, i) => workloads[(i * 7 + round * 3) % workloads.length] ?? w);
        for (const { name } of order) {
          const container = stage.container(name);
          try {
            process.kill(servicePid(stage.project, container), "SIGKILL");
          } catch {
            // Killed while it starts again after something it needs had gone: that counts as well.
          }
          await sleep(100);
        }
        const seconds = await eventually("everything is healthy", 240, () => allHealthy(stage));
        console.log(`round ${round}: healthy after ${seconds.toFixed(1)} s`);
        expect(await lake.text("artifacts", key)).toBe(`acknowledged in round ${round}`);
        lake.close();
        expect(await stage.tables()).toEqual(before);
      });
    const [first = 1, ...more] = rounds;
    everyDeath(first);
    onlyInAll(() => more.forEach(everyDeath));

    test("and a pipeline runs to its end", async () => {
      const ran = await stage.runMedallion();
      expect(ran.code, ran.stderr).toBe(0);
    });
  });

  describe("what is gone is said to be gone", () => {
    onlyInAll(() =>
      test("the registry of health names exactly the service that is stopped, and that it is back", async () => {
        for (const service of ["mlflow", "jupyterhub", "logs", "prometheus", "dashboard"]) {
          stage.project.docker("stop", "--time", "5", stage.container(service));
          const gone = await check(stage, service);
          expect(gone.services.find((s) => s.name === service)?.state, service).not.toBe("healthy");
          stage.project.docker("start", stage.container(service));
          await eventually(`${service} is back`, 90, async () => {
            const { services } = await check(stage, service);
            return services.find((s) => s.name === service)?.state === "healthy";
          });
        }
      }),
    );

    test("when the core itself is gone, the command line says so, and what Docker knows", async () => {
      stage.project.docker("stop", "--time", "5", stage.container("core"));
      try {
        const ran = await stage.project.datalab("platform", "status");
        expect(ran.code).not.toBe(0);
        expect(ran.stdout + ran.stderr).toMatch(/core/);
        expect(ran.stdout + ran.stderr).toMatch(/does not answer|stopped|not running|exited/i);
      } finally {
        stage.project.docker("start", stage.container("core"));
      }
      await eventually("everything is healthy", 120, () => allHealthy(stage));
    });
  });
}
