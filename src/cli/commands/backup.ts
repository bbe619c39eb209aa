import { exit } from "../../errors.ts";
import { formatBytes } from "../../model/units.ts";
import type { Backup } from "../../ops/backup/create.ts";
import type { Restored } from "../../ops/backup/restore.ts";
import type { Drill } from "../../ops/lifecycle/restore-drill.ts";
import type { Reporter } from "../../ops/reporter.ts";
import { confirm, confirmByName } from "../terminal/confirm.ts";
import { interruptible } from "../terminal/interrupt.ts";
import { type AnyCommand, contextOf, examples, wholeNumber } from "../terminal/options.ts";
import { ago, onStderr, onStdout, print, printJson, say, table } from "../terminal/output.ts";
import { createReporter } from "../terminal/progress.ts";

export function register(program: AnyCommand): void {
  const backup = program
    .command("backup")
    .description("Save databases, objects and notebooks, restore them, prove that the restore works.");

  const create = backup
    .command("create")
    .description("Save every database, object and home folder of a running stack, and read all of it back.")
    .action(async (_options, command) => {
      const { project, stack, json } = contextOf(command);
      const { createBackup } = await import("../../ops/backup/create.ts");
      const made = await reported((reporter) =>
        createBackup({ project, stack, reporter, signal: interruptible() }),
      );
      if (json) return printJson(made);
      print(`${onStdout("bold", made.id)}: ${contentText(made)}, read back completely, in ${made.place}`);
      for (const { what, why } of made.leaves)
        say(`${onStderr("yellow", "!")} not included: ${what} (${why})`);
      const { length } = made.repaired;
      if (length > 0)
        say(
          `${onStderr("yellow", "!")} ${length === 1 ? "1 file" : `${length} files`} of earlier backups ${length === 1 ? "was" : "were"} damaged and ${length === 1 ? "has" : "have"} been written anew, the first: ${made.repaired[0]?.why}`,
        );
    });
  examples(create, [
    ["./datalab backup create", "without stopping anything"],
    ["./datalab backup create --stack staging --json", "for schedulers"],
  ]);

  const list = backup
    .command("list")
    .description("List the backups of a stack, newest first.")
    .action(async (_options, command) => {
      const { project, stack, json } = contextOf(command);
      const { listBackups } = await import("../../ops/backup/list.ts");
      const found = await listBackups(project, stack);
      if (json) return printJson(found);
      if (found.length === 0) return say(`No backup of ${stack} yet: ./datalab backup create makes one.`);
      print(
        await table(
          ["BACKUP", "WHEN", "DATABASES", "HOMES", "OBJECTS", "SIZE", "READ BACK"],
          found.map((b) =>
            "unreadable" in b
              ? [b.id, "unreadable", ...Array(5).fill("")]
              : [
                  ...[b.id, ago(b.at), b.databases, b.homes, b.objects, formatBytes(b.bytes)],
                  b.verified === null ? "never" : ago(b.verified),
                ],
          ),
        ),
      );
      for (const b of found) if ("unreadable" in b) say(`${onStderr("yellow", "!")} ${b.unreadable}`);
      say(`in ${found[0]?.place}`);
    });
  examples(list, [["./datalab backup list --stack prod", "a table, newest first"]]);

  const verify = backup
    .command("verify")
    .argument("[backup]", "its id, or latest (default: all backups)")
    .description("Read backups completely. The exit code is 1 if one is damaged.")
    .action(async (word: string | undefined, _options, command) => {
      const { project, stack, json } = contextOf(command);
      const { verifyBackups } = await import("../../ops/backup/list.ts");
      const checked = await reported((reporter) =>
        verifyBackups(project, stack, word, { reporter, signal: interruptible() }),
      );
      if (checked.some(({ ok }) => !ok)) process.exitCode = exit.failure;
      if (json) return printJson(checked);
      if (checked.length === 0) return say(`No backup of ${stack} yet: ./datalab backup create makes one.`);
      print(
        await table(
          ["BACKUP", "STATE", "FILES", "SIZE"],
          checked.map((c) => [c.id, c.ok ? "whole" : (c.error ?? "damaged"), c.files, formatBytes(c.bytes)]),
        ),
      );
    });
  examples(verify, [["./datalab backup verify latest", "before a risky change"]]);

  const restore = backup
    .command("restore")
    .argument("[backup]", "its id, or latest", "latest")
    .description(
      "Make a running stack's databases, buckets and homes equal to a backup. The current data is saved first.",
    )
    .option("--from <stack>", "restore another stack's backup (default: the stack's own)")
    .option("--no-save", "do not save the stack's current data first")
    .option("--confirm <name>", "the stack's name; required for a protected stack without a terminal")
    .action(async (word: string, options, command) => {
      const { project, stack, json, yes } = contextOf(command);
      const { restoreBackup } = await import("../../ops/backup/restore.ts");
      const { stackIsProtected } = await import("../../ops/lifecycle/protection.ts");
      const isProtected = stackIsProtected(project, stack);
      const result = await reported((reporter) =>
        restoreBackup({
          project,
          stack,
          from: options.from ?? stack,
          backup: word,
          saveFirst: options.save !== false,
          reporter,
          signal: interruptible(),
          confirm: ({ id, begun }) => {
            const question = `Replace the databases, objects and homes of ${stack} with those of ${id} (${ago(begun)})?`;
            return isProtected
              ? confirmByName(`${stack} is protected. ${question}`, stack, { given: options.confirm })
              : confirm(question, { yes });
          },
        }),
      );
      if (!result.restored || result.passedBy.length > 0) process.exitCode = exit.failure;
      if (json) return printJson(result);
      print(restoredText(result));
      sayPassedBy(result.passedBy);
    });
  examples(restore, [
    ["./datalab backup restore", "the newest backup"],
    ["./datalab backup restore 20261128-031500-a1b2 --stack staging --from prod", "another stack's data"],
  ]);

  const drill = backup
    .command("drill")
    .argument("[backup]", "its id, or latest", "latest")
    .description(
      "Restore a backup into a temporary stack on this machine's Docker, check everything, and remove the stack.",
    )
    .option(
      "--port-offset <number>",
      "number that is added to the drill stack's ports",
      wholeNumber("--port-offset", 1),
    )
    .option("--keep", "keep the drill stack running for inspection")
    .action(async (word: string, options, command) => {
      const { project, stack, json } = contextOf(command);
      const { drillBackup } = await import("../../ops/lifecycle/restore-drill.ts");
      const result = await reported((reporter) =>
        drillBackup({
          project,
          stack,
          backup: word,
          keep: options.keep === true,
          ...(options.portOffset !== undefined && { portOffset: options.portOffset }),
          reporter,
          signal: interruptible(),
        }),
      );
      if (result.passedBy.length > 0) process.exitCode = exit.failure;
      if (json) return printJson(result);
      print(await drillText(result));
      sayPassedBy(result.passedBy);
    });
  examples(drill, [
    ["./datalab backup drill --stack prod", "weekly, by tools/ci/restore-drill.sh"],
    ["./datalab backup drill --keep", "inspect the restored data"],
  ]);

  const prune = backup
    .command("prune")
    .description("Remove all but the newest backups, and files that no remaining backup needs.")
    .option(
      "--keep <count>",
      "number of backups to keep (default: backup.keep of the configuration)",
      wholeNumber("--keep", 1),
    )
    .option(
      "--remove-unreadable",
      "also remove backups whose record can't be read (default: they stay, and so do all files)",
      false,
    )
    .option("--dry-run", "show what would be removed; change nothing", false)
    .action(async (options, command) => {
      const { project, stack, json, yes } = contextOf(command);
      const { pruneBackups } = await import("../../ops/backup/list.ts");
      const { backupsKept } = await import("../../ops/backup/archive.ts");
      const keep = options.keep ?? backupsKept(project, stack);
      const { removeUnreadable } = options;
      const plan = await pruneBackups(project, stack, { keep, removeUnreadable, dryRun: true });
      const what = `${plan.removed.length} backups (${plan.removed.join(", ") || "none"}) and ${plan.files} files of ${formatBytes(plan.bytes)} that no backup needs`;
      const sure =
        !options.dryRun &&
        (plan.removed.length + plan.files === 0 || (await confirm(`Remove ${what}?`, { yes })));
      const done = sure
        ? await pruneBackups(project, stack, { keep, removeUnreadable, dryRun: false })
        : plan;
      if (json) return printJson({ ...done, dryRun: !sure });
      if (plan.unreadable.length > 0)
        say(
          `${onStderr("yellow", "!")} These can't be read, so that no file was removed that one of them may need: ${plan.unreadable.join(", ")}. ./datalab backup list says why; --remove-unreadable removes them.`,
        );
      say(sure ? `Removed ${what}.` : `Would be removed: ${what}. Nothing was changed.`);
    });
  examples(prune, [["./datalab backup prune --keep 7 --dry-run", "show what would be removed"]]);
}

function sayPassedBy(passedBy: Restored["passedBy"]): void {
  for (const { what, why } of passedBy) say(`${onStderr("yellow", "!")} not restored: ${what} (${why})`);
}

async function reported<T>(work: (reporter: Reporter) => Promise<T>): Promise<T> {
  const reporter = createReporter();
  try {
    return await work(reporter);
  } finally {
    reporter.close();
  }
}

const contentText = ({
  databases,
  homes,
  objects,
  bytes,
}: Pick<Backup, "databases" | "homes" | "objects" | "bytes">): string =>
  `${databases} databases, ${homesText(homes)}${objects} objects, ${formatBytes(bytes)}`;

const homesText = (homes: number): string =>
  homes === 0 ? "" : `${homes === 1 ? "the home of 1 person" : `the homes of ${homes} people`}, `;

function restoredText(result: Restored): string {
  if (!result.restored) return "Nothing was changed.";
  const { stack, backup, before, databases, homes, objects, seconds } = result;
  const except =
    result.passedBy.length > 0 ? `, except ${homesText(result.passedBy.length).slice(0, -2)}` : "";
  const lines = [
    `${onStdout("bold", stack)} is equal to the backup ${backup}${except} (${seconds.toFixed(1)} s): ${databases} databases, ${homesText(homes)}${objects.written + objects.equal} objects, ${objects.written} of them written, ${objects.removed} removed.`,
  ];
  if (before !== null)
    lines.push(`To go back to the previous data: ./datalab backup restore ${before} --stack ${stack}`);
  return lines.join("\n");
}

async function drillText(drill: Drill): Promise<string> {
  const { backup, stack, databases, homes, objects, checks, tables, seconds, kept } = drill;
  const rows = [
    ["databases", `${databases} loaded, each equal to its dump`],
    ...(homes > 0 ? [["homes", `${homes} loaded, each with the same files`]] : []),
    ["objects", `${objects} read back, each with the same SHA-256`],
    ["functional checks", `${checks} passed`],
    ["tables of the lake", `${tables.length}, ${tables.reduce((all, t) => all + t.rows, 0)} rows`],
    [
      "up, restore, total",
      `${seconds.up.toFixed(1)}, ${seconds.restore.toFixed(1)}, ${seconds.total.toFixed(1)} s`,
    ],
  ];
  const all = drill.passedBy.length === 0 ? "everything" : "everything but homes that are named below";
  const title = `The backup ${onStdout("bold", backup)} of ${stack} restores ${all}.`;
  const left =
    kept === null
      ? "The drill stack is removed."
      : `It runs as the stack ${kept}. To remove it: ./datalab down --stack ${kept} --delete-data, or run the next drill.`;
  return [title, await table(["WHAT", "HOW"], rows), left].join("\n");
}
