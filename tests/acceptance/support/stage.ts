/** What the chapters share: the project, its ports, the data they load. */
import { readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { flightsCsv, testImage } from "./flights.ts";
import { processesOf, removeLabelled } from "./leftovers.ts";
import { onlyOne } from "./only-one.ts";
import { onlyServices } from "./only-services.ts";
import { Project } from "./project.ts";
import { type Tables, tables } from "./shapes.ts";

/** Offsets stay below the range that the kernel takes ports of outgoing connections from. */
const portOffset = 21_000;

/** What a stage is set up with. */
export interface Setting {
  readonly stack: string;
  readonly portOffset: number;
  /** More of `datalab:platform`. */
  readonly platform?: Readonly<Record<string, unknown>>;
}

/** The services that all others stand on, alone, without a gateway: each publishes its own ports. */
export const foundation: Setting = {
  stack: "acc1",
  portOffset,
  platform: { services: onlyServices("core", "postgres", "object-store", "prefect") },
};
/**
 * The lake changes when a test changes it: what runs by the clock would come in between of "as it was
 * before".
 */
export const onDemand = { overrides: { medallion_etl: { schedule: { cron: "0 0 1 1 *" } } } };
/**
 * Thresholds that no disk reaches: that of the machine, which may well be beyond the defaults, says nothing
 * by itself.
 */
export const noDiskAlert = { used: 1, critical: 1, free: "1Ki" };
/**
 * Everything that a stack has when nothing is configured. Alertmanager remembers over restarts what it has
 * told.
 */
export const whole: Setting = {
  stack: "acc2",
  portOffset: 11_000,
  platform: { services: { prometheus: { options: { thresholds: { disk: noDiskAlert } } } } },
};

/** The foundation's. */
export const ports = {
  core: 7070 + portOffset,
  postgres: 5432 + portOffset,
  s3: 9000 + portOffset,
  console: 9001 + portOffset,
  prefect: 4200 + portOffset,
} as const;

export const prefectApi = `http://127.0.0.1:${ports.prefect}/api`;
export const coreUrl = `http://127.0.0.1:${ports.core}`;

export class Stage {
  readonly #setting: Setting;
  #project: Project | undefined;
  #image = "";
  #csv = "";
  #letGo = () => {};

  constructor(setting: Setting) {
    this.#setting = setting;
  }

  async open(): Promise<void> {
    const { stack, portOffset, platform } = this.#setting;
    this.#letGo = await onlyOne(`datalab-acceptance-${stack}`);
    // What a run that was killed has left; nobody else can be at work here now.
    for (const name of readdirSync(tmpdir()).filter((entry) => entry.startsWith(`datalab-${stack}-`))) {
      rmSync(join(tmpdir(), name), { recursive: true, force: true });
    }
    await this.use(new Project(stack, { portOffset, pipelines: onDemand, ...platform }));
  }

  /** Plays on a project that somebody else has opened, and will close. */
  async use(project: Project): Promise<void> {
    this.#project = project;
    removeLabelled(this.project);
    this.#image = await testImage(this.project);
    this.#csv = flightsCsv(this.project, this.#image);
  }

  /** Whatever happened: nothing of the stack is left on this machine. */
  async close(): Promise<void> {
    const project = this.#project;
    if (!project) return;
    await project.datalab("down", "--delete-data", "--yes");
    removeLabelled(project);
    for (const line of processesOf(project)) process.kill(Number.parseInt(line, 10), "SIGKILL");
    project.remove();
    this.#letGo();
  }

  get project(): Project {
    if (!this.#project) throw new Error("the stage is not open");
    return this.#project;
  }
  /** Tag of the test image. */
  get image(): string {
    return this.#image;
  }
  /** Path of flights.csv. */
  get csv(): string {
    return this.#csv;
  }

  container(workload: string): string {
    return `datalab-${this.#setting.stack}-${workload}`;
  }
  /** Where a well-known port is published. */
  port(wellKnown: number): number {
    return wellKnown + this.#setting.portOffset;
  }

  async up(...options: string[]): Promise<string> {
    const ran = await this.project.datalab("up", ...options);
    expect(ran.code, ran.stderr).toBe(0);
    return ran.stdout;
  }

  async tables(): Promise<Tables> {
    return tables.parse(await this.project.json("data", "list-tables"));
  }

  query<Row>(sql: string): Promise<Row[]> {
    return this.project.json<Row[]>("data", "query", sql);
  }

  /** Rows of a table. */
  async count(table: string): Promise<number> {
    const [row] = await this.query<{ n: number }>(`SELECT count(*) AS n FROM ${table}`);
    return Number(row?.n);
  }

  async secret(id: string): Promise<string> {
    return (await this.project.json<{ value: string }>("secrets", "show", id)).value;
  }

  /** Starts a run of the medallion pipeline and waits for its end. */
  async runMedallion(): Promise<{ code: number | null; stdout: string; stderr: string }> {
    return this.project.datalab("pipelines", "run", "medallion_etl", "--wait", "--timeout", "5m", "--json");
  }
}
