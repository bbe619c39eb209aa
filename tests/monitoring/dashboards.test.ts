/** Grafana's dashboards: of Grafana's shape, and with queries that Prometheus' own parser takes. */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { dataSource } from "../../src/monitoring/panel.ts";
import { modelOf } from "../support/project.ts";
import { allServices, filesOf, rulesOf } from "./support/generated.ts";
import { withTools } from "./support/tools.ts";

const source = z.strictObject({ type: z.literal("prometheus"), uid: z.literal(dataSource.uid) });
const step = z.strictObject({ color: z.string(), value: z.number().nullable() });
/**
 * Grafana's dashboard kind (schema version 39) as far as these dashboards go: nothing else may stand in them.
 */
const schema = z.strictObject({
  uid: z.string().regex(/^[a-zA-Z0-9_-]{1,40}$/),
  title: z.string().min(1),
  description: z.string(),
  tags: z.array(z.string()),
  timezone: z.enum(["browser", "utc", ""]),
  editable: z.boolean(),
  schemaVersion: z.literal(39),
  refresh: z.string().regex(/^\d+[smh]$/),
  time: z.strictObject({ from: z.string(), to: z.string() }),
  templating: z.strictObject({ list: z.array(z.never()) }),
  annotations: z.strictObject({
    list: z.array(
      z.strictObject({
        name: z.string(),
        datasource: source,
        enable: z.boolean(),
        iconColor: z.string(),
        expr: z.string(),
        titleFormat: z.string(),
        textFormat: z.string(),
      }),
    ),
  }),
  panels: z
    .array(
      z.strictObject({
        id: z.int().positive(),
        type: z.enum(["timeseries", "stat", "table", "bargauge", "state-timeline"]),
        title: z.string().min(1),
        description: z.string().optional(),
        datasource: source,
        gridPos: z.strictObject({
          x: z.int().min(0).max(23),
          y: z.int().min(0),
          w: z.int().min(1).max(24),
          h: z.int().min(2),
        }),
        targets: z
          .array(
            z.strictObject({
              refId: z.string().regex(/^[A-Z]$/),
              datasource: source,
              expr: z.string().min(1),
              legendFormat: z.string().optional(),
              instant: z.boolean(),
              range: z.boolean(),
              format: z.enum(["table", "time_series"]).optional(),
            }),
          )
          .min(1),
        fieldConfig: z.strictObject({
          defaults: z.strictObject({
            unit: z.enum(["short", "s", "bytes", "percentunit"]),
            thresholds: z
              .strictObject({ mode: z.enum(["absolute", "percentage"]), steps: z.array(step).min(1) })
              .optional(),
            color: z.strictObject({ mode: z.enum(["thresholds", "palette-classic"]) }).optional(),
          }),
          overrides: z.array(z.never()),
        }),
        options: z.strictObject({}),
      }),
    )
    .min(1),
});

const model = modelOf("services: { grafana: { enabled: true } }", "dev", allServices);
const files = filesOf(model, "grafana");
const boards = Object.entries(files)
  .filter(([path]) => path.endsWith(".json"))
  .map(([path, text]) => [path, JSON.parse(text) as z.output<typeof schema>] as const);
const queries = boards.flatMap(([, { panels, annotations }]) => [
  ...panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
  ...annotations.list.map(({ expr }) => expr),
]);

describe("dashboards", () => {
  test("are one for the platform, the host, the lake, and each service", () => {
    const services = model.services.map(({ name }) => `dashboards/datalab-service-${name}.json`);
    const general = ["overview", "host", "lake"].map((name) => `dashboards/datalab-${name}.json`);
    expect(boards.map(([path]) => path).sort()).toEqual([...general, ...services].sort());
  });

  test.each(boards)("%s is of Grafana's shape", (_path, board) => {
    expect(schema.safeParse(board).error?.issues).toBeUndefined();
    const ids = board.panels.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const [i, { gridPos: a }] of board.panels.entries()) {
      expect(a.x + a.w).toBeLessThanOrEqual(24);
      for (const { gridPos: b } of board.panels.slice(i + 1)) {
        const apart = a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y;
        expect(apart).toBe(true);
      }
    }
  });

  test("have different names", () => {
    expect(new Set(boards.map(([, { uid }]) => uid)).size).toBe(boards.length);
    expect(new Set(boards.map(([, { title }]) => title)).size).toBe(boards.length);
  });

  test("ask what Prometheus' own parser takes", () => {
    const rules = queries.map((expr, i) => ({ record: `query:${i}`, expr }));
    const text = JSON.stringify({ groups: [{ name: "queries", rules }] });
    const ran = withTools({ "queries.json": text }, "promtool check rules queries.json");
    expect(ran.code, ran.output).toBe(0);
    expect(ran.output).toContain(`SUCCESS: ${queries.length} rules found`);
  });

  test("ask for recordings that are there", () => {
    const recorded = rulesOf(model).flatMap(({ record }) => record ?? []);
    const asked = queries.flatMap((expr) => expr.match(/\bdatalab:[a-z0-9_:]+/g) ?? []);
    for (const name of new Set(asked)) expect(recorded).toContain(name);
  });
});

describe("Grafana", () => {
  test("is off unless it is asked for", () => {
    expect(modelOf("", "dev", allServices).services.map(({ name }) => name)).not.toContain("grafana");
  });

  test("has its data source provisioned, and holds no secret in its settings", () => {
    const { datasources } = JSON.parse(files["datasources/prometheus.yaml"] as string);
    expect(datasources).toMatchObject([{ uid: dataSource.uid, isDefault: true }]);
    expect(files["grafana.ini"]).not.toContain("<secret>");
    expect(files.password).toBe("<secret>");
  });
});
