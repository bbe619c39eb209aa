import { DatalabError, exit } from "../../errors.ts";
import { formatBytes } from "../../model/units.ts";
import type { Dropped } from "../../ops/lake/lake.ts";
import { confirm, confirmByName } from "../terminal/confirm.ts";
import { ask } from "../terminal/lake.ts";
import { type AnyCommand, contextOf, examples } from "../terminal/options.ts";
import { escaped, print, printJson, say } from "../terminal/output.ts";

export function registerDrop(data: AnyCommand): void {
  const drop = data
    .command("drop")
    .argument("<table>", "layer.name, such as bronze.flights")
    .description("Remove a table: a bronze table with its landed files, a silver table with its quarantine.")
    .option("--force", "even if a pipeline owns the table")
    .option("--dry-run", "show what would be removed, and remove nothing")
    .option("--confirm <name>", "the stack's name; required for a protected stack without a terminal")
    .action(async (name: string, options, command) => {
      const context = contextOf(command);
      const plan = await ask<Dropped>(context, ["drop", "--dry-run", "--", name]);
      if (options.dryRun) return context.json ? printJson(plan) : print(planText(plan));
      if (plan.reasons.length > 0 && !options.force) {
        throw new DatalabError(
          "E_TABLE_OWNED",
          `${plan.table} was not removed: ${plan.reasons.join("; ")}.`,
          {
            hint: `To remove it nevertheless: ./datalab data drop ${plan.table} --force`,
          },
        );
      }
      if (!context.json) say(planText(plan));
      const { stackIsProtected } = await import("../../ops/lifecycle/protection.ts");
      const question = `Remove ${plan.table}?`;
      const sure = stackIsProtected(context.project, context.stack)
        ? confirmByName(`${context.stack} is protected. ${question}`, context.stack, {
            given: options.confirm,
          })
        : confirm(question, context);
      if (!(await sure)) {
        say("Nothing was removed.");
        process.exitCode = exit.failure;
        return;
      }
      const force = options.force ? ["--force"] : [];
      const done = await ask<Dropped>(context, ["drop", ...force, "--", name]);
      if (context.json) printJson(done);
      else print(`Removed ${done.table} (${contentText(done)}).`);
    });
  examples(drop, [
    ["./datalab data drop bronze.flights --dry-run", "what would go, and what depends on it"],
    ["./datalab data drop bronze.flights --yes", "without a question"],
  ]);
}

function contentText({ rows, bytes, objects }: Dropped): string {
  const count = rows === null ? "can't be read" : `${rows} ${rows === 1 ? "row" : "rows"}`;
  return `${count}, ${formatBytes(bytes)} in ${objects} ${objects === 1 ? "object" : "objects"}`;
}

function planText(plan: Dropped): string {
  return [
    `${plan.table}: ${contentText(plan)}`,
    ...plan.removes.map((each) => `  removes ${escaped(each)}`),
    ...plan.notes.map((each) => `  note: ${escaped(each)}`),
    ...plan.reasons.map((each) => `  needs --force: ${escaped(each)}`),
  ].join("\n");
}
