import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { Entrance, kubectl, tryKubectl } from "../../support/cluster.ts";
import { definition, file } from "../../support/fragile.ts";
import type { Stage } from "../../support/stage.ts";
import { healthy } from "./up.ts";

interface Platform {
  services?: Record<string, Record<string, unknown>>;
}

/** Updates of what people are using at that moment, and updates that go wrong. */
export function kubernetesChanges(stage: Stage): void {
  const give = (memory: Readonly<Record<string, string>>) =>
    stage.project.configure((platform) => {
      const { services = {} } = platform as Platform;
      for (const [name, size] of Object.entries(memory)) {
        services[name] = { ...services[name], resources: { main: { memory: size } } };
      }
      platform.services = services;
    });

  describe("changes in a cluster", () => {
    test("an update under load loses no request of the dashboard and of Prefect", async () => {
      const entrance = await Entrance.of(stage);
      const page = entrance.url("dashboard", "ui");
      const cookie = await entrance.login(page, await stage.secret("gateway/admin"));
      const token = await stage.secret("gateway/token");
      const asked: Record<string, [string, object]> = {
        dashboard: [`${page}/`, { headers: { cookie } }],
        prefect: [
          `${entrance.url("prefect", "api")}/api/deployments/filter`,
          {
            method: "POST",
            headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
            body: "{}",
          },
        ],
      };
      const answers = new Map<string, number>();
      let over = false;
      const clients = Object.entries(asked).flatMap(([name, [url, init]]) =>
        [1, 2].map(async () => {
          while (!over) {
            const said = await entrance.fetch(url, { ...init, redirect: "manual" }).then(
              async (answer) => {
                await answer.arrayBuffer();
                return String(answer.status);
              },
              (error: Error & { cause?: Error }) => `${error.message}: ${error.cause?.message}`,
            );
            answers.set(`${name} ${said}`, (answers.get(`${name} ${said}`) ?? 0) + 1);
            await sleep(50);
          }
        }),
      );
      const pods = () =>
        kubectl("get", "pods", "--selector", "datalab.workload in (prefect,dashboard)", "-o", "name");
      const before = pods();
      try {
        give({ dashboard: "640Mi", prefect: "832Mi" });
        await stage.up();
        // Whatever was still on its way to the old pods.
        await sleep(10_000);
      } finally {
        over = true;
        await Promise.all(clients);
      }
      const after = pods();
      for (const name of before.trim().split("\n")) expect(after).not.toContain(name);
      console.log(Object.fromEntries(answers));
      expect([...answers.keys()].sort()).toEqual(["dashboard 200", "prefect 200"]);
      for (const count of answers.values()) expect(count).toBeGreaterThan(50);
    });

    test("a rollout that fails tells of its last lines, and the next up repairs it", async () => {
      stage.project.write(file, definition("echo the disk of fragile stands on its head; exit 3"));
      stage.project.configure((platform) => {
        platform.serviceFiles = [file];
      });
      const failed = await stage.project.datalab("up");
      expect(failed.code).toBe(1);
      expect(failed.stderr).toContain("fragile");
      expect(failed.stderr).toContain("the disk of fragile stands on its head");
      stage.project.write(file, definition("cd /tmp; exec python -m http.server 8099"));
      expect(await stage.up()).toMatch(/fragile\s+healthy/);
      stage.project.configure((platform) => {
        delete platform.serviceFiles;
      });
      await stage.up();
      expect(tryKubectl("get", "deployment", "fragile").status).not.toBe(0);
    });

    test("a node that is drained and comes back has all data", async () => {
      const rows = await stage.count("bronze.flights");
      const node = kubectl("get", "nodes", "-o", "jsonpath={.items[0].metadata.name}");
      try {
        kubectl(
          ...["drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=240s"],
          ...["--pod-selector", `datalab.stack=${stage.project.stack}`],
        );
        expect(kubectl("get", "pods", "--field-selector", "status.phase=Running", "-o", "name").trim()).toBe(
          "",
        );
      } finally {
        kubectl("uncordon", node);
      }
      await healthy(stage, 300);
      expect(await stage.count("bronze.flights")).toBe(rows);
    });
  });
}
