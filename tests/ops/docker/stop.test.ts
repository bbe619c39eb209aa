import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { stopInOrder } from "../../../src/ops/docker/stop.ts";
import { standIn } from "../../support/programs.ts";

const container = (workload: string, wait: string, StopTimeout: number) => ({
  Name: `/datalab-dev-${workload}`,
  Config: {
    Labels: { "datalab.workload": workload },
    Env: ["HOME=/tmp", ...(wait ? [`DATALAB_WAIT=${wait}`] : [])],
    StopTimeout,
  },
});

test("containers stop after those that wait for them, each with its own time", async () => {
  const all = [
    container("postgres", "", 30),
    container("prefect", "postgres:5432", 10),
    container("prefect-worker", "object-store:9000 prefect:4200", 15),
    container("object-store", "", 10),
  ];
  const folder = standIn(
    "docker",
    `if (args[0] === "ps") console.log("a\\nb");
if (args[0] === "inspect") console.log(${JSON.stringify(JSON.stringify(all))});
if (args[0] === "stop") appendFileSync(folder + "/stopped", args.slice(1).join(" ") + "\\n");`,
  );
  await stopInOrder("dev");
  const stopped = readFileSync(join(folder, "stopped"), "utf8").trim().split("\n");
  expect([...stopped].sort()).toEqual([
    "--time 10 datalab-dev-object-store",
    "--time 10 datalab-dev-prefect",
    "--time 15 datalab-dev-prefect-worker",
    "--time 30 datalab-dev-postgres",
  ]);
  const at = (workload: string) => stopped.findIndex((line) => line.endsWith(`dev-${workload}`));
  expect(at("prefect-worker")).toBe(0);
  expect(at("prefect")).toBeLessThan(at("postgres"));
});

test("a stack that does not run has nothing to stop", async () => {
  standIn("docker", `if (args[0] !== "ps") process.exit(1);`);
  await expect(stopInOrder("dev")).resolves.toBeUndefined();
});
