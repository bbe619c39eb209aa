import { describe, expect, test } from "vitest";
import { ingressRouteOf } from "../../../../src/ops/services/ingress-route.ts";
import { Entrance, objects } from "../../support/cluster.ts";
import { Hub } from "../../support/hub.ts";
import type { Stage } from "../../support/stage.ts";

interface Labelled {
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
}

const spawned = () => objects<Labelled>("pods", "--selector", "datalab.workload=jupyterhub-notebook");

export function kubernetesNotebooks(stage: Stage): void {
  describe("notebooks in a cluster", () => {
    let hub: Hub;

    test("the admin logs in through the ingress and gets a pod with a claim", async () => {
      const entrance = await Entrance.of(stage);
      hub = new Hub(entrance.url("jupyterhub", "web"), ingressRouteOf(entrance.platform));
      expect(await hub.login("admin", "admin")).toBe(403);
      expect(await hub.login("admin", await stage.secret("jupyterhub/admin"))).toBe(302);
      await hub.spawn("admin", 180);
      const [pod, ...more] = spawned();
      expect(more).toEqual([]);
      expect(pod?.metadata.labels).toMatchObject({
        "datalab.stack": stage.project.stack,
        "datalab.service": "jupyterhub",
        "datalab.role": "spawned",
      });
    });

    test.each([
      ["1-lake-tour.ipynb", /'lake': True, 'spark': True, 'mlflow': True, 'prefect': True/],
      // 1000 numbers by their remainder of 7: six times 143, and 142.
      ["2-spark.ipynb", /143[\s\S]*142/],
    ])("%s runs from its first cell to its last", { timeout: 400_000 }, async (notebook, expected) => {
      const outputs = await hub.run("admin", await hub.cells("admin", `starter/${notebook}`), 180);
      expect(outputs.join("\n")).toMatch(expected);
    });

    test("a cell reads what a pipeline has written to the lake", async () => {
      const rows = await stage.count("bronze.flights");
      const code = [
        "from datalab.notebook import sql",
        "print(sql('SELECT count(*) AS n FROM bronze.flights').to_pandas()['n'][0])",
      ];
      const outputs = await hub.run("admin", code, 120);
      expect(outputs.join("\n")).toContain(String(rows));
    });

    test("files outlive the pod", async () => {
      await hub.write("admin", "mine.txt", "kept");
      await hub.stop("admin");
      await expect.poll(() => spawned().length, { timeout: 60_000, interval: 1000 }).toBe(0);
      await hub.spawn("admin", 180);
      expect(await hub.files("admin", "")).toContain("mine.txt");
      await hub.stop("admin");
    });
  });
}
