import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Archive } from "../../../src/ops/backup/archive.ts";
import { openRepository } from "../../../src/ops/backup/repository.ts";
import { sealKey } from "../../../src/ops/backup/seal.ts";
import { verifyBackup } from "../../../src/ops/backup/verify.ts";
import { guardData } from "../../../src/ops/lifecycle/data-guard.ts";
import { recordRelease } from "../../../src/ops/release/release.ts";
import { standIn } from "../../support/programs.ts";
import { declare, makeProject, platformYaml } from "../../support/project.ts";
import { backupRecordOf } from "../backup/fixture-backup.ts";
import { platform } from "../fixture-platform.ts";
import { remember } from "../stand-in-stack.ts";

const master = "m".repeat(43);

/** A stack whose last release had a volume more, with this policy. */
async function withLostVolume(policy: "retain" | "delete", yaml = "{}") {
  standIn("docker", "console.log('[]')");
  const project = makeProject({ "Pulumi.dev.yaml": platformYaml(yaml) });
  const declared = declare(project);
  await recordRelease({ project, ...declared, platform: platform(), changes: {}, steps: [] });
  const folder = join(project, ".datalab/releases/dev");
  const file = join(folder, readdirSync(folder)[0] as string);
  const record = JSON.parse(readFileSync(file, "utf8"));
  record.volumes.push({ name: "mlflow-data", service: "mlflow", policy });
  writeFileSync(file, JSON.stringify(record));
  const { reporter } = remember();
  return { project, stack: "dev", ...declared, reporter, signal: new AbortController().signal };
}

test("a volume that would be deleted needs a word", async () => {
  const options = await withLostVolume("delete");
  await expect(guardData(options)).rejects.toMatchObject({
    code: "E_DATA_LOSS",
    exitCode: 2,
    message: "The volume mlflow-data is deleted: everything in it is lost.",
    hint: "Nothing was changed. To allow it: --allow-data-loss mlflow-data",
  });
  await expect(guardData({ ...options, allowDataLoss: ["logs-data"] })).rejects.toMatchObject({
    code: "E_DATA_LOSS",
  });
  await guardData({ ...options, allowDataLoss: ["mlflow-data"] });
});

test("a volume that is kept needs none, nor does a first up", async () => {
  await guardData(await withLostVolume("retain"));
  const options = await withLostVolume("delete");
  await guardData({ ...options, project: makeProject({}) });
});

/** A stand-in for a preview that deletes a volume. */
function previewDeletes(): void {
  const metadata = {
    op: "delete",
    type: "docker:index/volume:Volume",
    urn: "urn:pulumi:dev::datalab::docker:index/volume:Volume::mlflow-data",
    old: { inputs: { labels: [{ label: "datalab.role", value: "data" }] } },
  };
  const line = JSON.stringify({ resourcePreEvent: { planning: true, metadata } });
  standIn(
    "pulumi",
    `if (args[0] === "stack") console.log("[]");
if (args[0] === "config") console.log(${JSON.stringify(master)});
if (args[0] === "preview") appendFileSync(args[args.indexOf("--event-log") + 1], ${JSON.stringify(`${line}\n`)});`,
  );
}

test("a protected stack is previewed, and gives up nothing without a backup that could be verified", async () => {
  previewDeletes();
  const options = await withLostVolume("retain", "protect: true");
  await expect(guardData(options)).rejects.toMatchObject({
    code: "E_DATA_LOSS",
    message: "The volume mlflow-data is deleted: everything in it is lost.",
  });
  await expect(guardData({ ...options, allowDataLoss: ["mlflow-data"] })).rejects.toMatchObject({
    code: "E_BACKUP_REQUIRED",
    message:
      "dev is protected: deleting data needs a fresh, verified backup of mlflow-data. There is no verified backup of the last 24 hours.",
    hint: "Nothing was changed. Make one and run the command again: ./datalab backup create --stack dev",
  });
});

test("a protected stack gives up what a fresh, verified backup holds, and nothing else", async () => {
  previewDeletes();
  const options = { ...(await withLostVolume("retain", "protect: true")), allowDataLoss: ["mlflow-data"] };
  const folder = join(options.project, ".datalab/backups");
  const archive = new Archive(
    "dev",
    await openRepository({ kind: "folder", path: folder }),
    sealKey(master, "dev"),
  );
  const other = backupRecordOf("20260131-120000-aaaa", [], { covers: ["postgres-data"] });
  const { reporter, signal } = options;
  await archive.write(other);
  await verifyBackup({ reporter, signal }, archive, other);
  await expect(guardData(options)).rejects.toMatchObject({
    code: "E_BACKUP_REQUIRED",
    message:
      "dev is protected: deleting data needs a fresh, verified backup of mlflow-data. The last one, 20260131-120000-aaaa, does not contain it.",
  });
  const record = backupRecordOf("20260201-120000-bbbb", [], { covers: ["mlflow-data"] });
  await archive.write(record);
  await expect(guardData(options)).rejects.toMatchObject({ code: "E_BACKUP_REQUIRED" });
  await verifyBackup({ reporter, signal }, archive, record);
  await guardData(options);
});
