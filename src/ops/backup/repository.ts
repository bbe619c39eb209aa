import { createReadStream, rmSync } from "node:fs";
import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import type { S3Client } from "@aws-sdk/client-s3";
import { DatalabError } from "../../errors.ts";
import { type FolderLocation, locationText, type S3Location } from "../engine/state-location.ts";
import { statusOf } from "../object-store/copy.ts";

/** Where backups stand: files by their paths, written once and never changed. */
export interface Repository {
  /** For people. */
  readonly place: string;
  /** A folder of this machine for what is not yet whole. */
  readonly draft: string;
  has(path: string): Promise<boolean>;
  /** undefined: there is none. */
  read(path: string): Promise<Readable | undefined>;
  /** Takes a file of this machine, which is gone then; whoever sees the path sees all of it. */
  put(path: string, file: string): Promise<void>;
  list(prefix: string): AsyncGenerator<Stored>;
  remove(path: string): Promise<void>;
  close(): void;
}

export interface Stored {
  readonly path: string;
  readonly bytes: number;
  readonly modified: Date;
}

export async function openRepository(place: FolderLocation | S3Location): Promise<Repository> {
  return place.kind === "folder" ? folder(place.path) : s3(place);
}

function folder(root: string): Repository {
  const at = (path: string) => join(root, path);
  const found = (path: string) =>
    stat(at(path)).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw error;
    });
  return {
    place: root,
    draft: at("draft"),
    has: async (path) => (await found(path)) !== undefined,
    read: async (path) => ((await found(path)) ? createReadStream(at(path)) : undefined),
    put: async (path, file) => {
      await mkdir(dirname(at(path)), { recursive: true, mode: 0o700 });
      await rename(file, at(path));
    },
    async *list(prefix) {
      const entries = await readdir(at(prefix), { recursive: true, withFileTypes: true }).catch(
        (error: NodeJS.ErrnoException) => {
          if (error.code === "ENOENT") return [];
          throw error;
        },
      );
      for (const entry of entries) {
        if (!entry.isFile()) continue;
        const file = join(entry.parentPath, entry.name);
        const { size, mtime } = await stat(file);
        yield { path: file.slice(root.length + 1), bytes: size, modified: mtime };
      }
    },
    remove: (path) => rm(at(path), { force: true }),
    close: () => {},
  };
}

async function s3(place: S3Location): Promise<Repository> {
  const sdk = await import("@aws-sdk/client-s3");
  const client: S3Client = new sdk.S3Client(place.client);
  const draft = join(tmpdir(), `datalab-backup-${process.pid}`);
  const key = (path: string) => [place.prefix, path].filter(Boolean).join("/");
  const at = (path: string) => ({ Bucket: place.bucket, Key: key(path) });
  const reached = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      if (statusOf(error) === 404 && (error as Error).name !== "NoSuchBucket") throw error;
      throw new DatalabError(
        "E_BACKUP_STORE",
        `The backups in ${locationText(place)} can't be reached: ${(error as Error).message}`,
        {
          hint: "`backup.to` sets where they are; credentials come from the environment, where AWS's tools find them.",
          cause: error,
        },
      );
    }
  };
  const absent = (error: unknown): undefined => {
    if (statusOf(error) === 404) return undefined;
    throw error;
  };
  return {
    place: locationText(place),
    draft,
    has: async (path) =>
      (await reached(client.send(new sdk.HeadObjectCommand(at(path)))).catch(absent)) !== undefined,
    read: async (path) => {
      const found = await reached(client.send(new sdk.GetObjectCommand(at(path)))).catch(absent);
      return found && (found.Body ? (found.Body as Readable) : Readable.from([]));
    },
    put: async (path, file) => {
      const { Upload } = await import("@aws-sdk/lib-storage");
      const params = { ...at(path), Body: createReadStream(file) };
      await reached(new Upload({ client, params, partSize: 16 * 2 ** 20, queueSize: 2 }).done());
      await rm(file, { force: true });
    },
    async *list(prefix) {
      const pages = sdk.paginateListObjectsV2(
        { client },
        { Bucket: place.bucket, Prefix: `${key(prefix)}/` },
      );
      for (;;) {
        const { value, done } = await reached(pages.next());
        if (done) return;
        for (const { Key = "", Size = 0, LastModified = new Date(0) } of value.Contents ?? []) {
          const path = place.prefix === "" ? Key : Key.slice(place.prefix.length + 1);
          yield { path, bytes: Size, modified: LastModified };
        }
      }
    },
    remove: async (path) => {
      await reached(client.send(new sdk.DeleteObjectCommand(at(path))));
    },
    close: () => {
      client.destroy();
      rmSync(draft, { recursive: true, force: true });
    },
  };
}
