import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatalabError } from "../../errors.ts";
import { locationText, type S3Location, stateSibling } from "../engine/state-location.ts";
import { withStateClient } from "../engine/state-s3.ts";
import { type ReleaseRecord, releaseRecord } from "./record.ts";

/**
 * Where releases are recorded: beside the stack's state, so that whoever shares the state shares them. They
 * are in no resource: a record says who and when, and would make every update a change.
 */
export interface ReleaseStore {
  /** For people. */
  readonly place: string;
  /** Ids, oldest first. */
  ids(stack: string): Promise<readonly string[]>;
  read(stack: string, id: string): Promise<ReleaseRecord>;
  write(record: ReleaseRecord): Promise<void>;
}

/** The store that belongs to the backend of a project's state. */
export function releaseStore(project: string): ReleaseStore {
  const place = stateSibling(project, "releases");
  return place.kind === "folder" ? fileStore(place.path) : s3Store(place);
}

function fileStore(folder: string): ReleaseStore {
  return {
    place: folder,
    ids: async (stack) => {
      const own = join(folder, stack);
      return existsSync(own) ? idsOf(readdirSync(own)) : [];
    },
    read: async (stack, id) => parseRecord(readText(join(folder, stack, `${id}.json`), stack, id), id),
    write: async (record) => {
      const own = join(folder, record.stack);
      mkdirSync(own, { recursive: true });
      const file = join(own, `${record.id}.json`);
      writeFileSync(`${file}.new`, serialise(record), { mode: 0o600 });
      renameSync(`${file}.new`, file);
    },
  };
}

function s3Store(place: S3Location): ReleaseStore {
  const { bucket, prefix } = place;
  const key = (stack: string, id: string) => `${prefix}/${stack}/${id}.json`;
  const failed = (error: Error) =>
    new DatalabError(
      "E_RELEASE_STORE",
      `The releases in ${locationText(place)} can't be reached: ${error.message}`,
      { hint: "They are beside the stack's state and need the same access to its bucket.", cause: error },
    );
  return {
    place: locationText(place),
    ids: (stack) =>
      withStateClient(place, failed, async (s3, client) => {
        const names: string[] = [];
        const pages = s3.paginateListObjectsV2({ client }, { Bucket: bucket, Prefix: `${prefix}/${stack}/` });
        for await (const { Contents = [] } of pages)
          names.push(...Contents.map(({ Key = "" }) => Key.split("/").at(-1) as string));
        return idsOf(names);
      }),
    read: (stack, id) =>
      withStateClient(place, failed, async (s3, client) => {
        try {
          const found = await client.send(new s3.GetObjectCommand({ Bucket: bucket, Key: key(stack, id) }));
          return parseRecord((await found.Body?.transformToString()) ?? "", id);
        } catch (error) {
          throw error instanceof s3.NoSuchKey ? unknownRelease(stack, id) : error;
        }
      }),
    write: (record) =>
      withStateClient(place, failed, async (s3, client) => {
        await client.send(
          new s3.PutObjectCommand({
            Bucket: bucket,
            Key: key(record.stack, record.id),
            Body: serialise(record),
            ContentType: "application/json",
          }),
        );
      }),
  };
}

const idsOf = (names: readonly string[]): string[] =>
  names
    .filter((name) => name.endsWith(".json"))
    .map((name) => name.slice(0, -".json".length))
    .sort();

const serialise = (record: ReleaseRecord): string => `${JSON.stringify(record, undefined, 2)}\n`;

function readText(file: string, stack: string, id: string): string {
  if (!existsSync(file)) throw unknownRelease(stack, id);
  return readFileSync(file, "utf8");
}

function unknownRelease(stack: string, id: string): DatalabError {
  return new DatalabError("E_RELEASE", `The stack ${stack} has no release ${id}.`, {
    hint: `./datalab release list --stack ${stack}`,
  });
}

function parseRecord(text: string, id: string): ReleaseRecord {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  const parsed = releaseRecord.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new DatalabError(
    "E_RELEASE",
    `The record of release ${id} can't be read (${issue?.path.join(".") || "the whole"}: ${issue?.message}).`,
    { hint: "It was written by another version of DataLab, or changed by hand." },
  );
}
