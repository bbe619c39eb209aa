import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Document, parse } from "yaml";
import { platformJsonSchema } from "../../config/json-schema.ts";
import { loadEnvironment, stackFile } from "../../config/load.ts";
import { ownerOf } from "../../config/ownership.ts";
import { DatalabError } from "../../errors.ts";
import { services } from "../../services/index.ts";
import { openArchive } from "../backup/archive.ts";
import { skipped } from "../backup/list.ts";
import type { BackupRecord } from "../backup/record.ts";
import { restoreBackup } from "../backup/restore.ts";
import { pulumiRead } from "../engine/pulumi-cli.ts";
import { stackExists } from "../engine/stack.ts";
import { stateSibling } from "../engine/state-location.ts";
import {
  isReadable,
  type ListedTable,
  lakeTool,
  type TableInfo,
  type UnreadableTable,
} from "../lake/lake.ts";
import { leavesOf, valueAt } from "../release/config-diff.ts";
import type { Reporter } from "../reporter.ts";
import { platformCore } from "../services/core-client.ts";
import { readPlatform } from "../services/platform.ts";
import { withStackLock } from "../stack-lock.ts";
import { down } from "./down.ts";
import { up } from "./up.ts";

export interface DrillOptions {
  readonly project: string;
  readonly stack: string;
  /** Its id, or `latest`. */
  readonly backup: string;
  /** Leave the drill's stack running. */
  readonly keep: boolean;
  /** @default that of the stack, and `besides` */
  readonly portOffset?: number;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
}

/** `datalab backup drill --json`. */
export interface Drill {
  readonly stack: string;
  readonly backup: string;
  readonly databases: number;
  readonly homes: number;
  readonly objects: number;
  /** Homes that could not be restored, with the reason. */
  readonly passedBy: BackupRecord["leaves"];
  /** Functional checks that passed on what was restored. */
  readonly checks: number;
  readonly tables: readonly Pick<TableInfo, "layer" | "name" | "rows" | "version">[];
  readonly seconds: { readonly up: number; readonly restore: number; readonly total: number };
  /** The stack that runs on; null: nothing is left. */
  readonly kept: string | null;
}

/** No well-known port and another one are so far from each other. */
const besides = 11_000;
const mark = "# Made by ./datalab backup drill, and removed by it.";

/**
 * Restores a backup where nothing of its stack is: a stack with the same services is made on this machine's
 * Docker, with secrets of its own, takes the backup, and has to pass every functional check. It is removed at
 * the end, also of a drill that fails.
 */
export async function drillBackup(options: DrillOptions): Promise<Drill> {
  const { project, stack, reporter } = options;
  const archive = await openArchive(project, stack);
  const record = await archive.find(options.backup, skipped(reporter)).finally(() => archive.close());
  const name = `${stack.slice(0, 34)}-drill`;
  // All of it: another drill would take this one's stack away between two of its steps.
  const target = { stack: name, target: "docker", cluster: null } as const;
  return withStackLock({ ...options, stack: name, target }, "datalab backup drill", (signal) =>
    drill({ ...options, signal }, record, name),
  );
}

async function drill(options: DrillOptions, record: BackupRecord, name: string): Promise<Drill> {
  const { project, stack, keep, reporter, signal } = options;
  const started = performance.now();
  await takeAway(project, name, reporter);
  writeFileSync(stackFile(project, name), drillFile(project, record, options.portOffset));
  let failed = true;
  try {
    const made = await up({ project, stack: name, reporter, signal, setupSeconds: 0 });
    const restored = await restoreBackup({
      project,
      stack: name,
      from: stack,
      backup: record.id,
      saveFirst: false,
      readBack: true,
      reporter,
      signal,
      confirm: async () => true,
    });
    const platform = await readPlatform(project, name);
    const health = await platformCore(project, platform).check(undefined, signal);
    const checks = health.services.flatMap((service) =>
      service.checks.map((check) => ({ ...check, service: service.name })),
    );
    const ill = checks.filter(({ ok }) => !ok);
    if (ill.length > 0) throw sick(record, ill);
    const listed = platform.tools.lake ? await lakeTool(platform).run<ListedTable[]>(["list-tables"]) : [];
    const tables = listed.filter(isReadable);
    const broken = listed.filter((table): table is UnreadableTable => !isReadable(table));
    if (broken.length > 0) throw unreadable(record, broken);
    failed = false;
    return {
      stack,
      backup: record.id,
      databases: restored.databases,
      homes: restored.homes,
      passedBy: restored.passedBy,
      objects: restored.objects.written + restored.objects.equal,
      checks: checks.length,
      tables: tables.map(({ layer, name: table, rows, version }) => ({ layer, name: table, rows, version })),
      seconds: {
        up: made.seconds.total,
        restore: restored.seconds,
        total: (performance.now() - started) / 1000,
      },
      kept: keep ? name : null,
    };
  } finally {
    // Of one that failed nothing is left either: it would be taken for a platform.
    if (failed || !keep) await takeAway(project, name, reporter);
  }
}

const sick = (record: BackupRecord, ill: readonly { service: string; name: string; message?: string }[]) =>
  new DatalabError(
    "E_DRILL",
    [
      `With the data of ${record.id} these checks fail:`,
      ...ill.map((c) => `  ${c.service}/${c.name}: ${c.message ?? "no reason given"}`),
    ].join("\n"),
    {
      hint: "A failed drill is always removed, even with --keep: restore the backup into your own stack to inspect it.",
    },
  );

const unreadable = (record: BackupRecord, tables: readonly UnreadableTable[]) =>
  new DatalabError(
    "E_DRILL",
    [`Tables of ${record.id} can't be read:`, ...tables.map(({ error }) => `  ${error}`)].join("\n"),
    { hint: "Look at them in the stack itself: ./datalab data list-tables" },
  );

/** The drill's configuration: what the stack had that belongs to no place, on Docker. */
function drillFile(project: string, record: BackupRecord, portOffset: number | undefined): string {
  const saved = parse(record.config) as { config?: { "datalab:platform"?: Record<string, unknown> } };
  const given = saved.config?.["datalab:platform"] ?? {};
  const schema = platformJsonSchema(loadEnvironment(project, record.stack, services).services);
  const file = new Document({});
  const set = (path: readonly (string | number)[], value: unknown) =>
    file.setIn(["config", "datalab:platform", ...path], value);
  for (const [, path] of leavesOf(given)) {
    if (!["services", "serviceFiles", "pipelines"].includes(String(path[0]))) continue;
    if (ownerOf(schema, path) === undefined) set(path, valueAt(given, path));
  }
  // The very images of the stack, where they come from a registry.
  const images = given.images as { source?: string } | undefined;
  if (images?.source === "registry") set(["images"], images);
  // What was saved must not be too large for the drill.
  const { homes } = (given.backup ?? {}) as { homes?: object };
  if (homes) set(["backup", "homes"], homes);
  set(["target"], "docker");
  set(["portOffset"], portOffset ?? Number(given.portOffset ?? 0) + besides);
  set(["data"], { policy: "delete" });
  return `${mark}\n${file}`;
}

/** Removes a drill's stack with all that it has; nothing happens when there is none. */
async function takeAway(project: string, name: string, reporter: Reporter): Promise<void> {
  const file = stackFile(project, name);
  if (!existsSync(file)) return;
  if (!readFileSync(file, "utf8").startsWith(mark)) {
    throw new DatalabError("E_DRILL_STACK", `There is a stack ${name} that was not created by a drill.`, {
      hint: `The drill would use this name: rename or remove Pulumi.${name}.yaml.`,
    });
  }
  const { signal } = new AbortController();
  await down({ project, stack: name, deleteData: true, reporter, signal });
  if (await stackExists(project, name)) await pulumiRead(project, name, ["stack", "rm", "--yes"]);
  rmSync(file, { force: true });
  const releases = stateSibling(project, "releases");
  if (releases.kind === "folder") rmSync(join(releases.path, name), { recursive: true, force: true });
}
