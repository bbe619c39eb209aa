import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatalabError } from "../../errors.ts";
import { locationText, type S3Location, stateSibling } from "./state-location.ts";
import { withStateClient } from "./state-s3.ts";

/** A small text beside the state, such as `installations/dev`; undefined: there is none. */
export async function readStateFile(
  project: string,
  folder: string,
  name: string,
): Promise<string | undefined> {
  const place = stateSibling(project, folder);
  if (place.kind === "folder") {
    try {
      return readFileSync(join(place.path, name), "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  }
  return withStateClient(place, unreachable(place), async (s3, client) => {
    try {
      const at = { Bucket: place.bucket, Key: `${place.prefix}/${name}` };
      return await (await client.send(new s3.GetObjectCommand(at))).Body?.transformToString();
    } catch (error) {
      if (error instanceof s3.NoSuchKey) return undefined;
      throw error;
    }
  });
}

/** Writes it whole or not at all. */
export async function writeStateFile(
  project: string,
  folder: string,
  name: string,
  text: string,
): Promise<void> {
  const place = stateSibling(project, folder);
  if (place.kind === "folder") {
    mkdirSync(place.path, { recursive: true });
    const file = join(place.path, name);
    writeFileSync(`${file}.new`, text, { mode: 0o600 });
    renameSync(`${file}.new`, file);
    return;
  }
  await withStateClient(place, unreachable(place), async (s3, client) => {
    await client.send(
      new s3.PutObjectCommand({ Bucket: place.bucket, Key: `${place.prefix}/${name}`, Body: text }),
    );
  });
}

const unreachable = (place: S3Location) => (error: Error) =>
  new DatalabError(
    "E_STATE_STORE",
    `What stands beside the state in ${locationText(place)} can't be reached: ${error.message}`,
    {
      hint: "It needs the same access to the bucket as the stack's state.",
      cause: error,
    },
  );
