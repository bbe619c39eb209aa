/** What must not be there when no command runs: locks, halves of files, a state that can't be read. */
import { existsSync, readdirSync } from "node:fs";
import { GetObjectCommand, paginateListObjectsV2 } from "@aws-sdk/client-s3";
import { type RaceStage, stateBucket } from "./stage.ts";

async function objectText(stage: RaceStage, key: string): Promise<string> {
  const found = await stage.state.send(new GetObjectCommand({ Bucket: stateBucket, Key: key }));
  return (await found.Body?.transformToString()) ?? "";
}

/** Paths below the state's place. */
async function paths(stage: RaceStage): Promise<string[]> {
  const all: string[] = [];
  const pages = paginateListObjectsV2({ client: stage.state }, { Bucket: stateBucket, Prefix: "lab/" });
  for await (const { Contents = [] } of pages) all.push(...Contents.map(({ Key = "" }) => Key.slice(4)));
  return all;
}

/** Everything that stands beside a state, by its form. */
const known = [
  /^\.pulumi\//,
  /^locks\/\w+\.json$/,
  /^installations\/\w+$/,
  /^releases\/\w+\/[\w-]+\.json$/,
  /^backups\/\w+\/blobs\/[0-9a-f]{2}\/[0-9a-f]{64}$/,
  /^backups\/\w+\/records\/[\w-]+\.(backup|verified)$/,
];

/** Ids of the backups that have a record, oldest first. */
export async function backupIds(stage: RaceStage): Promise<string[]> {
  const record = new RegExp(`^backups/${stage.target}/records/(.+)\\.backup$`);
  return (await paths(stage)).flatMap((path) => record.exec(path)?.[1] ?? []).sort();
}

/** Notes that a backup was read back without the backup: a kill may leave one, and a prune takes it. */
export async function orphans(stage: RaceStage): Promise<string[]> {
  const all = new Set(await paths(stage));
  return [...all].filter(
    (path) => path.endsWith(".verified") && !all.has(path.replace(/verified$/, "backup")),
  );
}

/**
 * `killedOn`: machines on which a command was killed and none has worked since: the file of its lock is there
 * until the next one takes it over.
 */
export async function leftovers(stage: RaceStage, killedOn: ReadonlySet<number>): Promise<string[]> {
  const found: string[] = [];
  const all = await paths(stage);
  found.push(
    ...all.filter((path) => !known.some((form) => form.test(path))).map((path) => `unknown file ${path}`),
  );
  const { holder } = JSON.parse(await objectText(stage, `lab/locks/${stage.target}.json`)) as {
    holder: unknown;
  };
  if (holder !== null) found.push(`the lock beside the state is held by ${JSON.stringify(holder)}`);
  const names = stage.machine(0).project.docker("ps", "--all", "--format", "{{.Names}}").split("\n");
  if (names.includes(`datalab-${stage.target}.lock`)) found.push("the lock's container");
  for (const machine of [0, 1].filter((each) => !killedOn.has(each))) {
    const folder = stage.machine(machine).project.path(".datalab/locks");
    const files = existsSync(folder) ? readdirSync(folder) : [];
    found.push(
      ...files.filter((file) => file.startsWith(stage.target)).map((file) => `.datalab/locks/${file}`),
    );
  }
  const engine = `.pulumi/locks/`;
  found.push(...all.filter((path) => path.startsWith(engine)).map((path) => `the engine's lock ${path}`));
  const state = all.find(
    (path) => path.startsWith(".pulumi/stacks/") && path.endsWith(`/${stage.target}.json`),
  );
  if (!state) return [...found, "the stack has no state"];
  try {
    const { checkpoint } = JSON.parse(await objectText(stage, `lab/${state}`)) as {
      checkpoint: { latest?: { pending_operations?: unknown[] } };
    };
    const pending = checkpoint.latest?.pending_operations ?? [];
    if (pending.length > 0) found.push(`${pending.length} pending operations in the state`);
  } catch (error) {
    found.push(`the state can't be read: ${(error as Error).message}`);
  }
  return found;
}
