import { DatalabError } from "../config/error.ts";
import { interruptible } from "./interrupt.ts";
import { type AnyCommand, contextOf, examples } from "./options.ts";
import { print, printJson } from "./output.ts";
import { createReporter } from "./progress.ts";

export function register(program: AnyCommand): void {
  const preview = program
    .command("preview")
    .description("Show what up would change. Changes nothing.")
    .option("--refresh", "compare with what really runs, not with the last known state")
    .option("--expect-no-changes", "exit 1 when there would be changes")
    .action(async (options, command) => {
      const { stack, project, json, verbose } = contextOf(command);
      const reporter = createReporter();
      try {
        const { preview } = await import("../ops/preview.ts");
        const result = await preview({
          project,
          stack,
          reporter,
          refresh: options.refresh === true,
          signal: interruptible(),
          ...(verbose && { onEngineLine: (line: string) => reporter.log(line) }),
        });
        reporter.close();
        if (json) printJson(result);
        else
          print(
            result.steps.length === 0
              ? "No changes."
              : result.steps.map((s) => `${s.op.padEnd(8)} ${s.type} ${s.name}`).join("\n"),
          );
        if (options.expectNoChanges === true && result.steps.length > 0) {
          throw new DatalabError("E_CHANGES", `${result.steps.length} changes, none were expected.`);
        }
      } finally {
        reporter.close();
      }
    });
  examples(preview, [
    ["./datalab preview", "what would up do?"],
    ["./datalab preview --refresh --expect-no-changes", "does what runs match what is declared?"],
  ]);
}
