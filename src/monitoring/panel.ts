/** Grafana's dashboard model (schema version 39), as far as it is used: plain data. */

export interface Query {
  readonly expr: string;
  /** What a line is called, such as `{{service}}`. */
  readonly legend?: string;
}

export interface PanelSpec {
  readonly title: string;
  readonly type: "timeseries" | "stat" | "table" | "bargauge" | "state-timeline";
  readonly queries: readonly Query[];
  /** Grafana's name of the unit: `s`, `bytes`, `percentunit`, `short`. */
  readonly unit?: string;
  /** Columns of 24, and rows. */
  readonly width?: number;
  readonly height?: number;
  /** Values from which on it is orange, then red. */
  readonly limits?: readonly [warning: number, critical: number];
  readonly description?: string;
}

export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly timezone: "browser";
  readonly editable: boolean;
  readonly schemaVersion: 39;
  readonly refresh: string;
  readonly time: { readonly from: string; readonly to: string };
  readonly templating: { readonly list: readonly never[] };
  readonly annotations: { readonly list: readonly unknown[] };
  readonly panels: readonly unknown[];
}

/** Uid of the data source that is provisioned with the dashboards. */
export const dataSource = { type: "prometheus", uid: "datalab-prometheus" } as const;

/** Panels from left to right, in rows as wide as they fit. */
export function dashboard(
  uid: string,
  title: string,
  description: string,
  specs: readonly PanelSpec[],
): Dashboard {
  let x = 0;
  let y = 0;
  let rowHeight = 0;
  const panels = specs.map((spec, i) => {
    const w = spec.width ?? 12;
    const h = spec.height ?? 8;
    if (x + w > 24) {
      x = 0;
      y += rowHeight;
      rowHeight = 0;
    }
    const gridPos = { x, y, w, h };
    x += w;
    rowHeight = Math.max(rowHeight, h);
    return panel(i + 1, spec, gridPos);
  });
  return {
    uid: `datalab-${uid}`.slice(0, 40),
    title,
    description,
    tags: ["datalab"],
    timezone: "browser",
    editable: false,
    schemaVersion: 39,
    refresh: "30s",
    time: { from: "now-3h", to: "now" },
    templating: { list: [] },
    annotations: {
      list: [
        {
          name: "Alerts",
          datasource: dataSource,
          enable: true,
          iconColor: "red",
          expr: 'ALERTS{alertstate="firing",alertname!="Heartbeat"}',
          titleFormat: "{{alertname}}",
          textFormat: "{{service}}",
        },
      ],
    },
    panels,
  };
}

function panel(id: number, spec: PanelSpec, gridPos: { x: number; y: number; w: number; h: number }) {
  const { title, type, queries, unit = "short", limits, description } = spec;
  const instant = type === "table" || type === "stat" || type === "bargauge";
  return {
    id,
    type,
    title,
    ...(description && { description }),
    datasource: dataSource,
    gridPos,
    targets: queries.map(({ expr, legend }, i) => ({
      refId: String.fromCharCode(65 + i),
      datasource: dataSource,
      expr,
      ...(legend && { legendFormat: legend }),
      instant,
      range: !instant,
      ...(type === "table" && { format: "table" }),
    })),
    fieldConfig: {
      defaults: {
        unit,
        ...(limits && {
          thresholds: {
            mode: "absolute",
            steps: [
              { color: "green", value: null },
              { color: "orange", value: limits[0] },
              { color: "red", value: limits[1] },
            ],
          },
          color: { mode: "thresholds" },
        }),
      },
      overrides: [],
    },
    options: {},
  };
}
