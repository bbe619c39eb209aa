import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import type { S3Client } from "@aws-sdk/client-s3";
import { type Dumper, outputOf } from "../../../src/ops/backup/dumper.ts";
import type { DataSource } from "../../../src/ops/backup/source.ts";
import type { Runtime } from "../../../src/ops/target.ts";
import { platform } from "../fixture-platform.ts";

/** Objects by bucket and key. */
export type Objects = Record<string, Record<string, string>>;

const etag = (content: string) => `"${createHash("sha256").update(content).digest("hex").slice(0, 32)}"`;

/** A store that holds these objects, and counts how often each was read. */
export function standInStore(objects: Objects) {
  const reads: string[] = [];
  const notFound = () => Object.assign(new Error("NotFound"), { $metadata: { httpStatusCode: 404 } });
  const answers: Record<string, (input: Record<string, string>) => unknown> = {
    ListObjectsV2Command: ({ Bucket = "" }) => ({
      Contents: Object.entries(objects[Bucket] ?? {}).map(([Key, content]) => ({
        ...{ Key, Size: content.length, ETag: etag(content) },
        LastModified: new Date("2026-01-31T12:00:00.000Z"),
      })),
    }),
    HeadObjectCommand: ({ Bucket = "", Key = "" }) => {
      const content = objects[Bucket]?.[Key];
      if (content === undefined) throw notFound();
      return { ContentLength: content.length };
    },
    GetObjectTaggingCommand: () => ({ TagSet: [] }),
    GetObjectCommand: ({ Bucket = "", Key = "" }) => {
      const content = objects[Bucket]?.[Key];
      if (content === undefined) throw notFound();
      reads.push(`${Bucket}/${Key}`);
      return { Body: Readable.from([Buffer.from(content)]) };
    },
  };
  const send = async (command: {
    readonly constructor: { readonly name: string };
    readonly input: unknown;
  }) => answers[command.constructor.name]?.(command.input as Record<string, string>);
  return { client: { send, destroy: () => {} } as unknown as S3Client, reads };
}

/** Databases in memory: `live`, and beside them those that were loaded, by whomever. */
export function standInDatabases(live: Record<string, string>, loaded: Record<string, string> = {}) {
  const dumper: Dumper = {
    ...{ kind: "database", service: "postgres", workload: "postgres" },
    list: async () => Object.keys(live),
    save: (name) => outputOf(async (output) => void output.end(live[name])),
    refuses: async (names) => names.filter((name) => live[name] === undefined),
    load: async (name, dump) => {
      loaded[name] = (await buffer(dump)).toString();
    },
    prepare: async () => {
      for (const name of Object.keys(loaded)) delete loaded[name];
    },
    differs: async (name, dump) =>
      loaded[name] === (await buffer(await dump())).toString() ? undefined : "another content",
    swap: async (names) => {
      for (const name of names) live[name] = loaded[name] ?? "nothing was loaded";
    },
    discard: async () => {},
  };
  return { dumper, live, loaded };
}

/** A stack with these objects and databases. */
export function standInSource(objects: Objects, dumpers: readonly Dumper[]) {
  const { client, reads } = standInStore(objects);
  const source: DataSource = {
    platform: platform(),
    runtime: {} as Runtime,
    dumpers,
    objects: { client, own: true, names: async () => Object.keys(objects), at: (name) => name },
    ...{ homeBytes: 2 ** 30, holders: [], stopped: [], covers: [] },
    close: () => {},
  };
  return { source, reads };
}
