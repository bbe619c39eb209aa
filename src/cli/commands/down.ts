import { exit } from "../../errors.ts";
import { formatBytes } from "../../model/units.ts";
import type { DownPlan } from "../../ops/lifecycle/down.ts";
import { confirm, confirmByName } from "../terminal/confirm.ts";
import { interruptible } from "../terminal/interrupt.ts";
import { type AnyCommand, contextOf, examples, timeoutSeconds } from "../terminal/options.ts";
import { print, printJson, say, table } from "../terminal/output.ts";
import { createReporter } from "../terminal/progress.ts";

export function register(program: AnyCommand): void {
  const down = program
    .command("down")
    .description("Remove a stack. Data volumes are kept and listed, unless --delete-data is given.")
    .option("--delete-data", "delete the data volumes too")
    .option("--dry-run", "show what would be removed and kept; change nothing")
    .option(
      "--timeout <duration>",
      "time after which objects that a cluster still has are an error (default: 3m)",
      timeoutSeconds,
    )
    .option("--confirm <name>", "the stack's name; required for a protected stack without a terminal")
    .action(async (options, command) => {
      const { stack, project, json, yes, verbose } = contextOf(command);
      const deleteData = options.deleteData === true;
      const question = deleteData
        ? `Remove the stack ${stack} and DELETE ALL ITS DATA?`
        : `Remove the stack ${stack}? Its data is kept.`;
      if (options.dryRun === true) {
        const { planDown } = await import("../../ops/lifecycle/down.ts");
        const plan = await planDown({ project, stack, deleteData });
        if (json) printJson(plan);
        else print(await planText(plan));
        return;
      }
      const { stackIsProtected } = await import("../../ops/lifecycle/protection.ts");
      const sure = stackIsProtected(project, stack)
        ? confirmByName(`${stack} is protected. ${question}`, stack, { given: options.confirm })
        : confirm(question, { yes });
      if (!(await sure)) {
        say("Nothing was changed.");
        process.exitCode = exit.failure;
        return;
      }
      const reporter = createReporter();
      try {
        const result = await (await import("../../ops/lifecycle/down.ts")).down({
          project,
          stack,
          deleteData,
          reporter,
          ...(options.timeout !== undefined && { goneSeconds: options.timeout }),
          signal: interruptible(),
          ...(verbose && { onEngineLine: (line: string) => reporter.log(line) }),
        });
        reporter.close();
        if (json) return printJson(result);
        if (result.kept.length > 0) {
          print("Kept data volumes; the next up adopts them:");
          print(
            await table(
              ["VOLUME", "SERVICE", "SIZE"],
              result.kept.map((v) => [v.name, v.service, v.bytes === null ? "" : formatBytes(v.bytes)]),
            ),
          );
          say(`To delete them: ./datalab down --delete-data${stack === "dev" ? "" : ` --stack ${stack}`}`);
        } else
          print(result.deleted.length > 0 ? `Deleted: ${result.deleted.join(", ")}` : "Nothing is left.");
      } finally {
        reporter.close();
      }
    });
  examples(down, [
    ["./datalab down --dry-run", "show what would be removed and kept"],
    ["./datalab down --stack prod --confirm prod", "a protected stack, without a terminal"],
    ["./datalab down", "remove everything except the data"],
    ["./datalab down --delete-data --yes", "remove everything, without a question"],
  ]);
}

async function planText({ stack, spawned, resources, objects, volumes }: DownPlan): Promise<string> {
  const rows = volumes.map((v) => [v.name, v.service, v.bytes === null ? "" : formatBytes(v.bytes), v.fate]);
  return [
    `A down of ${stack} removes ${resources} resources; ${objects.length} objects have its labels now.`,
    ...(spawned.length > 0 ? [`Removed before them: ${spawned.join(", ")}`] : []),
    ...(rows.length > 0
      ? [await table(["VOLUME", "SERVICE", "SIZE", "AFTERWARDS"], rows)]
      : ["It holds no data."]),
  ].join("\n");
}
