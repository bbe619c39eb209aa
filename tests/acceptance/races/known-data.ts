/** Rows and objects whose number is known, and what each backup must bring back of them. */
import { createHash } from "node:crypto";
import { ListObjectsV2Command, PutObjectCommand } from "@aws-sdk/client-s3";
import { psqlCommand } from "../support/psql.ts";
import { type RaceStage, toyBucket } from "./stage.ts";

const md5 = (text: string) => createHash("md5").update(text).digest("hex");
const sorted = (numbers: Iterable<number>) => [...numbers].sort((a, b) => a - b);

export class KnownData {
  readonly #stage: RaceStage;
  #live: ReadonlySet<number> = new Set();
  /** By a backup's id; undefined: it was made in the middle of a restore that was killed. */
  readonly #saved = new Map<string, ReadonlySet<number> | undefined>();

  constructor(stage: RaceStage) {
    this.#stage = stage;
  }

  #sql(sql: string): string {
    const container = `datalab-${this.#stage.target}-postgres`;
    return this.#stage.machine(0).project.docker("exec", container, ...psqlCommand("toy", sql));
  }

  create(): void {
    this.#sql("CREATE TABLE known (n integer PRIMARY KEY, content text NOT NULL)");
  }

  async add(n: number): Promise<void> {
    this.#sql(`INSERT INTO known VALUES (${n}, 'row ${n}')`);
    const at = { Bucket: toyBucket, Key: `known/${n}` };
    await this.#stage.objects.send(new PutObjectCommand({ ...at, Body: `object ${n}` }));
    this.#live = new Set([...this.#live, n]);
  }

  saved(id: string): void {
    this.#saved.set(id, this.#live);
  }
  savedHalfWay(id: string): void {
    this.#saved.set(id, undefined);
  }
  isKnown = (id: string): boolean => this.#saved.has(id);
  /** Whether what the backup must bring back is known. */
  isWhole = (id: string): boolean => this.#saved.get(id) !== undefined;
  removed(id: string): void {
    this.#saved.delete(id);
  }
  restored(id: string): void {
    const saved = this.#saved.get(id);
    if (!saved) throw new Error(`nobody knows what the backup ${id} brings back`);
    this.#live = saved;
  }

  /** What is there and should not be, and the other way round. */
  async problems(): Promise<string[]> {
    const rows = this.#sql("SELECT n || '|' || content FROM known ORDER BY n").split("\n").filter(Boolean);
    const listed = await this.#stage.objects.send(
      new ListObjectsV2Command({ Bucket: toyBucket, Prefix: "known/" }),
    );
    // Of an object in one part the ETag is the MD5 of its content.
    const objects = (listed.Contents ?? []).map(({ Key, ETag = "" }) => `${Key} ${ETag.replaceAll('"', "")}`);
    const expectedRows = sorted(this.#live).map((n) => `${n}|row ${n}`);
    const expectedObjects = sorted(this.#live).map((n) => `known/${n} ${md5(`object ${n}`)}`);
    return [...differences("row", expectedRows, rows), ...differences("object", expectedObjects, objects)];
  }
}

function differences(what: string, expected: readonly string[], found: readonly string[]): string[] {
  return [
    ...expected.filter((each) => !found.includes(each)).map((each) => `${what} ${each} is lost`),
    ...found.filter((each) => !expected.includes(each)).map((each) => `${what} ${each} should not be there`),
  ];
}
