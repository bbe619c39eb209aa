import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { S3Client } from "@aws-sdk/client-s3";
import { parse } from "yaml";
import { DatalabError } from "../config/error.ts";
import { type ReleaseRecord, releaseRecord } from "./release-record.ts";

/**
 * Where releases are recorded: beside the stack's state, so that whoever shares the state shares them. They are in no
 * resource: a record says who and when, and would make every update a change.
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
  const url = backendUrl(project);
  if (url.startsWith("file://")) return fileStore(folderFor(project, url));
  if (url.startsWith("s3://")) return s3Store(url);
  // Backends that DataLab can't write to: what this checkout deployed is still known here.
  return fileStore(join(project, ".datalab", "releases"));
}

/** What Pulumi goes by: the variable, then the project's file. */
export function backendUrl(project: string): string {
  const given = process.env.PULUMI_BACKEND_URL;
  if (given) return given;
  const path = join(project, "Pulumi.yaml");
  const file = existsSync(path) ? (parse(readFileSync(path, "utf8")) as { backend?: { url?: string } }) : {};
  return file.backend?.url ?? "file://./.datalab/state";
}

function folderFor(project: string, url: string): string {
  const path = url.replace(/^file:\/\//, "").replace(/\?.*$/, "");
  const state = path.startsWith("/") ? fileURLToPath(`file://${path}`) : resolve(project, path);
  const own = join(project, ".datalab");
  return state === join(own, "state") ? join(own, "releases") : join(state, "releases");
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

function s3Store(url: string): ReleaseStore {
  const { hostname: bucket, pathname, searchParams: given } = new URL(url);
  const prefix = [...pathname.split("/").filter(Boolean), "releases"].join("/");
  const key = (stack: string, id: string) => `${prefix}/${stack}/${id}.json`;
  const is = (name: string) => given.get(name) === "true";
  const endpoint = given.get("endpoint");
  const scheme = is("disableSSL") ? "http" : "https";
  const withClient = async <T>(
    work: (s3: typeof import("@aws-sdk/client-s3"), client: S3Client) => Promise<T>,
  ): Promise<T> => {
    const s3 = await import("@aws-sdk/client-s3");
    const client = new s3.S3Client({
      ...(given.has("region") && { region: given.get("region") as string }),
      ...(endpoint && { endpoint: endpoint.includes("://") ? endpoint : `${scheme}://${endpoint}` }),
      forcePathStyle: is("s3ForcePathStyle") || is("use_path_style"),
    });
    try {
      return await work(s3, client);
    } catch (error) {
      if (error instanceof DatalabError) throw error;
      throw new DatalabError(
        "E_RELEASE_STORE",
        `The releases in s3://${bucket}/${prefix} can't be reached: ${(error as Error).message}`,
        { hint: "They stand beside the stack's state and need the same access to its bucket.", cause: error },
      );
    } finally {
      client.destroy();
    }
  };
  return {
    place: `s3://${bucket}/${prefix}`,
    ids: (stack) =>
      withClient(async (s3, client) => {
        const names: string[] = [];
        const pages = s3.paginateListObjectsV2({ client }, { Bucket: bucket, Prefix: `${prefix}/${stack}/` });
        for await (const { Contents = [] } of pages)
          names.push(...Contents.map(({ Key = "" }) => Key.split("/").at(-1) as string));
        return idsOf(names);
      }),
    read: (stack, id) =>
      withClient(async (s3, client) => {
        try {
          const found = await client.send(new s3.GetObjectCommand({ Bucket: bucket, Key: key(stack, id) }));
          return parseRecord((await found.Body?.transformToString()) ?? "", id);
        } catch (error) {
          throw error instanceof s3.NoSuchKey ? unknownRelease(stack, id) : error;
        }
      }),
    write: (record) =>
      withClient(async (s3, client) => {
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
