import { describe, expect, test } from "vitest";
import { Collector, exposition, type Measure, maxSamples } from "../../src/core/collector.ts";
import type { Sample } from "../../src/model/service.ts";
import { entry } from "./process.ts";

const sample = (more: Partial<Sample> = {}): Sample => ({
  name: "datalab_table_rows",
  help: "Rows.",
  labels: { table: "flights" },
  value: 3,
  ...more,
});

function collectorOf(measure: Measure, more: { everySeconds?: number; timeoutSeconds?: number } = {}) {
  const log: string[] = [];
  const stop = new AbortController();
  const collector = new Collector({
    entry: entry("prefect", "tables", more),
    measure,
    log: (line) => log.push(line),
    stop: stop.signal,
  });
  return { collector, log, stop };
}

describe("a collector", () => {
  test("keeps what its last run measured, until that is too old", async () => {
    const { collector } = collectorOf(async () => [sample()], { everySeconds: 10 });
    expect(collector.samples()).toEqual([]);
    await collector.run();
    expect(collector.ok).toBe(true);
    expect(collector.samples()).toEqual([sample()]);
    expect(collector.samples(Date.now() + 49_000)).toEqual([sample()]);
    expect(collector.samples(Date.now() + 51_000)).toEqual([]);
  });

  test("keeps the figures of before when a run fails, says that it failed, and logs that once", async () => {
    let broken = false;
    const { collector, log } = collectorOf(async () => {
      if (broken) throw new Error("the bucket is gone");
      return [sample()];
    });
    await collector.run();
    broken = true;
    await collector.run();
    await collector.run();
    expect(collector.ok).toBe(false);
    expect(collector.samples()).toEqual([sample()]);
    expect(log).toEqual([
      "collector tables of prefect: 1 values",
      "collector tables of prefect fails: the bucket is gone",
    ]);
  });

  test("fails when it takes too long, even if it ignores its signal", async () => {
    const { collector, log } = collectorOf(() => new Promise(() => {}), { timeoutSeconds: 0.05 });
    await collector.run();
    expect(collector.ok).toBe(false);
    expect(log[0]).toContain("timed out after 0.05 s");
  });

  test("fails when it throws before its first await", async () => {
    const { collector } = collectorOf(() => {
      throw new TypeError("no promise");
    });
    await collector.run();
    expect(collector.ok).toBe(false);
  });

  test.each([
    ["too many values", Array.from({ length: maxSamples + 1 }, () => sample())],
    ["a name that is not ours", [sample({ name: "up" })]],
    ["a name that is none", [sample({ name: "datalab_x{" })]],
    ["a label that is none", [sample({ labels: { "a-b": "c" } })]],
    ["what is not a number", [sample({ value: Number.NaN })]],
  ])("refuses %s", async (_what, samples) => {
    const { collector } = collectorOf(async () => samples);
    await collector.run();
    expect(collector.ok).toBe(false);
    expect(collector.samples()).toEqual([]);
  });

  test("stops with the core, without waiting for its next run", async () => {
    const { collector, stop } = collectorOf(async () => [], { everySeconds: 3600 });
    const loop = collector.loop();
    await new Promise((resolve) => setTimeout(resolve, 20));
    stop.abort(new Error("the core stops"));
    await loop;
    expect(collector.ok).toBe(true);
  });
});

describe("the text that Prometheus reads", () => {
  test("has each metric's head once, every label escaped, and says which service measured", async () => {
    const odd = sample({ labels: { table: 'a"b\\c\nd' }, value: 1.5 });
    const { collector } = collectorOf(async () => [sample(), odd, sample({ labels: { service: "lake" } })]);
    await collector.run();
    const text = exposition([collector]);
    expect(text).toContain("# HELP datalab_table_rows Rows.\n# TYPE datalab_table_rows gauge\n");
    expect(text.match(/# TYPE datalab_table_rows/g)?.length).toBe(1);
    expect(text).toContain('datalab_table_rows{service="prefect",table="flights"} 3\n');
    expect(text).toContain('datalab_table_rows{service="prefect",table="a\\"b\\\\c\\nd"} 1.5\n');
    expect(text).toContain('datalab_table_rows{service="lake"} 3\n');
    expect(text).toContain('datalab_collector_ok{service="prefect",collector="tables"} 1\n');
    expect(text.endsWith("\n")).toBe(true);
  });

  test("is empty without collectors", () => {
    expect(exposition([])).toBe("");
  });
});
