import { describe, expect, test } from "vitest";
import { asText, flightRows, goldOf } from "../support/flights.ts";
import { objectStore } from "../support/object-store.ts";
import * as shapes from "../support/shapes.ts";
import type { Stage } from "../support/stage.ts";

export function medallion(stage: Stage): void {
  describe("the medallion pipeline on 336,776 real flights", () => {
    test("ingest loads every line into bronze, in the documented shape", async () => {
      const result = shapes.ingested.parse(await stage.project.json("data", "ingest", stage.csv, "flights"));
      expect(result).toMatchObject({ table: "flights", rows: flightRows, malformed: 0, skipped: false });
      expect(await stage.count("bronze.flights")).toBe(flightRows);
    });

    test("a run completes and says so in the documented shape", async () => {
      const ran = await stage.runMedallion();
      expect(ran.code, ran.stderr).toBe(0);
      expect(shapes.run.parse(JSON.parse(ran.stdout)).state).toBe("completed");
    });

    test("bronze, and silver with its quarantine, hold exactly the rows of the file", async () => {
      const found = await stage.tables();
      const rows = (layer: string, name: string) =>
        found.find((t) => t.layer === layer && t.name === name)?.rows ?? 0;
      expect(rows("bronze", "flights")).toBe(flightRows);
      expect(rows("silver", "flights") + rows("silver", "flights_quarantine")).toBe(flightRows);
      expect(rows("gold", "metrics")).toBeGreaterThan(0);
    });

    test("every gold table equals the same SQL run on the CSV itself", async () => {
      const expected = goldOf(stage.project, stage.image, stage.csv);
      expect(Object.keys(expected).sort()).toEqual(["busiest_routes", "carrier_performance", "daily_delays"]);
      for (const [name, rows] of Object.entries(expected)) {
        expect(rows.length, name).toBeGreaterThan(10);
        expect(await stage.query(asText(`gold.${name}`)), name).toEqual(rows);
      }
    });

    test("its schedule is paused and goes on again", async () => {
      const list = async () => {
        const found = await stage.project.json<{ name: string; paused: boolean; nextRun: string | null }[]>(
          "pipelines",
          "list",
        );
        return found.find(({ name }) => name === "medallion_etl");
      };
      const pause = await stage.project.json("pipelines", "pause", "medallion_etl");
      expect(pause).toEqual({ name: "medallion_etl", paused: true, changed: true });
      expect(await list()).toMatchObject({ paused: true, nextRun: null });
      const resume = await stage.project.json("pipelines", "resume", "medallion_etl");
      expect(resume).toEqual({ name: "medallion_etl", paused: false, changed: true });
      expect(await list()).toMatchObject({ paused: false });
    });

    test("a report lies in the artifacts bucket", async () => {
      const store = await objectStore(stage, "prefect/lake");
      try {
        const keys = await store.keys("artifacts", "");
        const reports = keys.filter((key) => key.endsWith(".html"));
        expect(reports.length).toBeGreaterThan(0);
        const page = await store.text("artifacts", reports[0] as string);
        expect(page).toMatch(/^<!doctype html>/i);
        expect(page).toContain("carrier_performance");
      } finally {
        store.close();
      }
    });

    test("the same file again changes nothing, and neither does another run", async () => {
      const before = (await stage.tables()).filter(({ name }) => name !== "metrics");
      const again = shapes.ingested.parse(await stage.project.json("data", "ingest", stage.csv, "flights"));
      expect(again).toMatchObject({ skipped: true });
      const ran = await stage.runMedallion();
      expect(ran.code, ran.stderr).toBe(0);
      expect((await stage.tables()).filter(({ name }) => name !== "metrics")).toEqual(before);
    });

    test("a wrong query fails with an error for programs, and exit code 1", async () => {
      const ran = await stage.project.datalab(
        "data",
        "query",
        "SELECT * FROM silver.no_such_table",
        "--json",
      );
      expect(ran.code).toBe(1);
      expect(shapes.failure.parse(JSON.parse(ran.stdout)).error.message).toContain("no_such_table");
    });
  });
}
