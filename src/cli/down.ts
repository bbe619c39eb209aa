import { exit } from "../config/error.ts";
import { formatBytes } from "../model/units.ts";
import { confirm } from "./confirm.ts";
import { interruptible } from "./interrupt.ts";
import { type AnyCommand, contextOf, examples } from "./options.ts";
import { print, printJson, say, table } from "./output.ts";
import { createReporter } from "./progress.ts";

export function register(program: AnyCommand): void {
  const down = program
    .command("down")
    .description("Take a stack down. Data volumes are kept and listed, unless --delete-data is given.")
    .option("--delete-data", "delete the data volumes too")
    .action(async (options, command) => {
      const { stack, project, json, yes, verbose } = contextOf(command);
      const deleteData = options.deleteData === true;
      const question = deleteData
        ? `Take down the stack ${stack} and DELETE ALL ITS DATA?`
        : `Take down the stack ${stack}? Its data is kept.`;
      if (!(await confirm(question, { yes }))) {
        say("Nothing was done.");
        process.exitCode = exit.failure;
        return;
      }
      const reporter = createReporter();
      try {
        const result = await (await import("../ops/down.ts")).down({
          project,
          stack,
          deleteData,
          reporter,
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
    ["./datalab down", "stop and remove everything but the data"],
    ["./datalab down --delete-data --yes", "leave nothing at all, without a question"],
  ]);
}
