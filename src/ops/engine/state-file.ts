import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatalabError } from "../../errors.ts";
import { locationText, stateSibling } from "./state-location.ts";

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
  const s3 = await import("@aws-sdk/client-s3");
  const client = new s3.S3Client(place.client);
  try {
    const at = { Bucket: place.bucket, Key: `${place.prefix}/${name}` };
    return await (await client.send(new s3.GetObjectCommand(at))).Body?.transformToString();
  } catch (error) {
    if (error instanceof s3.NoSuchKey) return undefined;
    throw unreachable(locationText(place), error);
  } finally {
    client.destroy();
  }
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
  const s3 = await import("@aws-sdk/client-s3");
  const client = new s3.S3Client(place.client);
  try {
    await client.send(
      new s3.PutObjectCommand({ Bucket: place.bucket, Key: `${place.prefix}/${name}`, Body: text }),
    );
  } catch (error) {
    throw unreachable(locationText(place), error);
  } finally {
    client.destroy();
  }
}

function unreachable(place: string, error: unknown): DatalabError {
  return new DatalabError(
    "E_STATE_STORE",
    `What stands beside the state in ${place} can't be reached: ${(error as Error).message}`,
    {
      hint: "It needs the same access to the bucket as the stack's state.",
      cause: error,
    },
  );
}
