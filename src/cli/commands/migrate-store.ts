import { formatBytes } from "../../model/units.ts";
import type { Migration } from "../../ops/store-migration/migrate.ts";
import { confirm } from "../terminal/confirm.ts";
import { interruptible } from "../terminal/interrupt.ts";
import { type AnyCommand, contextOf, examples, wholeNumber } from "../terminal/options.ts";
import { onStdout, print, printJson, say, table } from "../terminal/output.ts";
import { createReporter } from "../terminal/progress.ts";

export function registerMigrateStore(data: AnyCommand): void {
  const migrate = data
    .command("migrate-store")
    .description("Move all objects of a stack to another object store engine, checked by SHA-256.")
    .requiredOption("--to <engine>", "the new engine; see docs/object-store.md")
    .option("--dry-run", "show what would be moved; change nothing", false)
    .option("--timeout <seconds>", "seconds to wait for running pipelines", wholeNumber("--timeout", 0), 600)
    .action(async (options, command) => {
      const { project, stack, json, yes } = contextOf(command);
      const { migrateStore } = await import("../../ops/store-migration/migrate.ts");
      const reporter = createReporter();
      try {
        const result = await migrateStore({
          project,
          stack,
          dryRun: options.dryRun,
          to: options.to,
          timeoutSeconds: options.timeout,
          reporter,
          signal: interruptible(),
          confirm: ({ from, to }) =>
            confirm(
              `Move the objects of ${stack} from ${from} to ${to}? Its object store is unavailable until the move ends.`,
              { yes },
            ),
        });
        reporter.close();
        if (json) printJson(result);
        else await tell(result);
      } finally {
        reporter.close();
      }
    });
  examples(migrate, [
    ["./datalab data migrate-store --to versitygw --dry-run", "show what would be moved"],
    ["./datalab data migrate-store --to versitygw", "move; after an interruption, run it again to continue"],
  ]);
}

async function tell({ stack, from, to, dryRun, moved, buckets, kept, seconds }: Migration): Promise<void> {
  if (from === to && !moved) return say(`The objects of ${stack} are already in ${to}.`);
  const rows = buckets.map((b) => [b.bucket, b.objects, formatBytes(b.bytes), b.copied, b.equal, b.removed]);
  const head = ["bucket", "objects", "size", "copied", "already equal", "removed"];
  if (dryRun)
    print(
      await table(
        head.slice(0, 3),
        rows.map((row) => row.slice(0, 3)),
      ),
    );
  else if (rows.length > 0) print(await table(head, rows));
  if (dryRun) return say(`These would be moved from ${from} to ${to}; nothing was changed.`);
  if (!moved) return say("Nothing was changed.");
  print(
    onStdout("bold", `${stack} runs on ${to} (${seconds.toFixed(1)} s), every object checked by SHA-256.`),
  );
  if (kept !== null) {
    say(`The volume ${kept.volume} keeps the data of ${from}. To remove it: ${kept.remove}`);
  }
}
