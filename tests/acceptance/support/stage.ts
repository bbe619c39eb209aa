/** What the chapters share: the project, its ports, the data they load. */
import { readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { flightsCsv, testImage } from "./flights.ts";
import { processesOf, removeLabelled } from "./leftovers.ts";
import { onlyOne } from "./only-one.ts";
import { Project } from "./project.ts";
import { type Tables, tables } from "./shapes.ts";

const stack = "acc1";
// Below the range that the kernel takes ports of outgoing connections from.
const portOffset = 21_000;

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
  #project: Project | undefined;
  #image = "";
  #csv = "";
  #letGo = () => {};

  async open(): Promise<void> {
    this.#letGo = await onlyOne("datalab-acceptance");
    // What a run that was killed has left; nobody else can be at work here now.
    for (const name of readdirSync(tmpdir()).filter((entry) => entry.startsWith(`datalab-${stack}-`))) {
      rmSync(join(tmpdir(), name), { recursive: true, force: true });
    }
    this.#project = new Project(stack, { portOffset });
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
    return `datalab-${stack}-${workload}`;
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
