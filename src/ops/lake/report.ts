import { access, constants, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { DatalabError } from "../../errors.ts";
import { s3ClientConfig } from "../../model/s3-client.ts";
import type { PlatformOutput } from "../../outputs/platform.ts";
import type { Credentials } from "../services/credentials.ts";
import { agentFor, ingressRouteOf } from "../services/ingress-route.ts";
import { lakeOf } from "./lake.ts";
import { bucketName as nameOf, secretKeyOf, storeError } from "./store-access.ts";

/** The pipeline that was named, or the only one that declares that it writes a report. */
export function pipelineWithReport({ stack, pipelines }: PlatformOutput, named?: string): string {
  if (named !== undefined) return named;
  const [first, ...others] = pipelines.filter(({ report }) => report).map(({ name }) => name);
  if (first !== undefined && others.length === 0) return first;
  if (first === undefined) {
    throw new DatalabError("E_NO_REPORT", `No pipeline of ${stack} declares that it writes a report.`, {
      hint: "Set report: true in the pipeline.yaml of one that does, and run ./datalab up.",
    });
  }
  throw new DatalabError(
    "E_USAGE",
    `expected the name of a pipeline, received none: ${[first, ...others].join(", ")} write reports.`,
    { hint: `./datalab data report ${first}` },
  );
}

/** Fetches the latest report of a pipeline and writes it to a file; returns its size in bytes. */
export async function fetchReport(
  platform: PlatformOutput,
  credentials: Credentials,
  pipeline: string,
  file: string,
): Promise<number> {
  await checkWritable(file);
  const { bucket } = lakeOf(platform);
  if (!bucket || bucket.url === "") {
    throw new DatalabError(
      "E_STORE_UNPUBLISHED",
      `The stack ${platform.stack} does not publish its object store.`,
    );
  }
  const { S3Client, GetObjectCommand, NoSuchKey } = await import("@aws-sdk/client-s3");
  // What is outside is reached as anything is.
  const agent = bucket.secret === null ? undefined : agentFor(ingressRouteOf(platform));
  const client = new S3Client(
    s3ClientConfig({ ...bucket, secretKey: secretKeyOf(bucket, credentials), agent }),
  );
  const bucketName = nameOf(bucket, "artifacts");
  const key = `reports/${pipeline}/latest.html`;
  try {
    const found = await client.send(new GetObjectCommand({ Bucket: bucketName, Key: key }));
    const content = (await found.Body?.transformToByteArray()) ?? new Uint8Array();
    await writeFile(file, content).catch((error: NodeJS.ErrnoException) => {
      throw unwritable(file, error);
    });
    return content.length;
  } catch (error) {
    if (error instanceof DatalabError) throw error;
    if (!(error instanceof NoSuchKey)) throw storeError(bucket.url, "download", error);
    throw new DatalabError("E_NO_REPORT", `There is no report of ${pipeline} yet (${bucketName}/${key}).`, {
      hint: `./datalab pipelines run ${pipeline} --wait creates one.`,
    });
  } finally {
    client.destroy();
  }
}

/** Before anything is asked for: what can't be written need not be fetched. */
async function checkWritable(file: string): Promise<void> {
  const folder = dirname(file);
  const info = await stat(folder).catch(() => undefined);
  if (!info?.isDirectory()) {
    throw new DatalabError("E_FILE_ACCESS", `${file}: the folder ${folder} does not exist`, {
      hint: `mkdir -p ${folder}`,
    });
  }
  const there = await stat(file).catch(() => undefined);
  if (there?.isDirectory()) {
    throw new DatalabError("E_FILE_ACCESS", `${file}: expected a file, it is a folder`, {
      hint: `--out ${join(file, "report.html")}`,
    });
  }
  await access(there ? file : folder, constants.W_OK).catch((error: NodeJS.ErrnoException) => {
    throw unwritable(file, error);
  });
}

const unwritable = (file: string, error: NodeJS.ErrnoException): DatalabError =>
  new DatalabError("E_FILE_ACCESS", `${file}: can't be written (${error.code ?? error.message})`, {
    hint: "Name a file in a folder of your own with --out, or free space.",
    cause: error,
  });
