import { describe, expect, test } from "vitest";
import { kubectl, objects } from "../../support/cluster.ts";
import { asText, flightRows, goldOf } from "../../support/flights.ts";
import * as shapes from "../../support/shapes.ts";
import type { Stage } from "../../support/stage.ts";
import { healthy } from "./up.ts";

interface Named {
  readonly metadata: { readonly name: string; readonly labels: Record<string, string> };
}

const spawned = (workload: string) => ["--selector", `datalab.workload=${workload}`];

/** The flights from the file to gold, by runs that are Jobs. */
export function kubernetesFlights(stage: Stage): void {
  describe("a pipeline in a cluster", () => {
    test("the medallion pipeline on real flights gives what the same SQL gives on the file itself", async () => {
      const loaded = shapes.ingested.parse(await stage.project.json("data", "ingest", stage.csv, "flights"));
      expect(loaded).toMatchObject({ table: "flights", rows: flightRows });
      const ran = await stage.runMedallion();
      expect(ran.code, ran.stderr).toBe(0);
      for (const [name, rows] of Object.entries(goldOf(stage.project, stage.image, stage.csv))) {
        expect(await stage.query(asText(`gold.${name}`)), name).toEqual(rows);
      }
    });

    test("each flow run was a Job of its own", () => {
      const jobs = objects<Named>("jobs").filter(
        ({ metadata }) => metadata.labels["datalab.workload"] === "prefect-worker-run",
      );
      expect(jobs.length).toBeGreaterThan(0);
    });
  });
}

export function kubernetesWork(stage: Stage): void {
  kubernetesFlights(stage);

  describe("work in a cluster", () => {
    test("Spark runs in executors of its own, which are pods", async () => {
      const script = [
        "from pyspark.sql import SparkSession",
        "import os",
        "spark = SparkSession.builder.remote(os.environ['SPARK_REMOTE']).getOrCreate()",
        "print('sum', spark.range(1000000).selectExpr('sum(id) s').collect()[0].s)",
      ].join("\n");
      const seen = new Set<string>();
      const watch = setInterval(() => {
        for (const { metadata } of objects<Named>("pods", ...spawned("spark-connect-executor")))
          seen.add(metadata.name);
      }, 1000);
      try {
        const out = kubectl("exec", "deploy/prefect-worker", "--", "datalab-start", "python", "-c", script);
        expect(out).toContain("sum 499999500000");
      } finally {
        clearInterval(watch);
      }
      for (const { metadata } of objects<Named>("pods", ...spawned("spark-connect-executor")))
        seen.add(metadata.name);
      expect(seen.size).toBeGreaterThan(0);
    });

    test("logs of a service are read through the platform", async () => {
      const ran = await stage.project.datalab("services", "logs", "prefect", "--tail", "5");
      expect(ran.code, ran.stderr).toBe(0);
      expect(ran.stdout.trim().split("\n").length).toBeGreaterThan(0);
    });

    test("services stop and start again, with all data", async () => {
      const before = await stage.count("bronze.flights");
      const stopped = await stage.project.datalab("services", "stop", "--service", "mlflow", "--yes");
      expect(stopped.code, stopped.stderr).toBe(0);
      expect(kubectl("get", "deployment", "mlflow", "-o", "jsonpath={.spec.replicas}")).toBe("0");
      const started = await stage.project.datalab("services", "start", "--service", "mlflow");
      expect(started.code, started.stderr).toBe(0);
      await healthy(stage);
      expect(await stage.count("bronze.flights")).toBe(before);
    });
  });
}
