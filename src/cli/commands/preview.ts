import { DatalabError, exit } from "../../errors.ts";
import { interruptible } from "../terminal/interrupt.ts";
import { type AnyCommand, contextOf, examples } from "../terminal/options.ts";
import { print, printJson, say } from "../terminal/output.ts";
import { createReporter } from "../terminal/progress.ts";

export function register(program: AnyCommand): void {
  const preview = program
    .command("preview")
    .description("Show what up would change, and the risks. Changes nothing.")
    .option("--refresh", "compare with what actually runs, not with the last known state")
    .option("--expect-no-changes", "exit with 1 if there would be changes")
    .option("--markdown", "print a comment for a pull request")
    .option("--save-plan <file>", "save the plan for up --plan FILE")
    .option("--no-policy", "skip the policy pack")
    .option("--from-json <file>", "show a preview that was printed with --json before, instead of a new one")
    .action(async (options, command) => {
      const { stack, project, json, verbose } = contextOf(command);
      const { previewMarkdown, previewText, readPreview } = await import(
        "../../ops/lifecycle/preview-text.ts"
      );
      const words = options.markdown === true ? previewMarkdown : previewText;
      if (options.fromJson !== undefined) return print(words(readPreview(options.fromJson)));
      const reporter = createReporter();
      try {
        const { preview } = await import("../../ops/lifecycle/preview.ts");
        const result = await preview({
          project,
          stack,
          reporter,
          refresh: options.refresh === true,
          policy: options.policy !== false,
          ...(options.savePlan !== undefined && { savePlan: options.savePlan }),
          signal: interruptible(),
          ...(verbose && { onEngineLine: (line: string) => reporter.log(line) }),
        });
        reporter.close();
        if (json) printJson(result);
        else print(words(result));
        const { mandatory, policyError } = await import("../../ops/lifecycle/policy.ts");
        const broken = mandatory(result.policy.violations);
        // With --json the violations are part of the output, which must be one document.
        if (broken.length > 0 && json) process.exitCode = exit.usage;
        else if (broken.length > 0) throw policyError(broken);
        if (options.savePlan !== undefined)
          say(`The plan is saved. To apply it: ./datalab up --plan ${options.savePlan} --stack ${stack}`);
        if (options.expectNoChanges === true && result.steps.length > 0) {
          throw new DatalabError("E_CHANGES", `${result.steps.length} changes, expected none.`);
        }
      } finally {
        reporter.close();
      }
    });
  examples(preview, [
    ["./datalab preview", "show what up would do"],
    ["./datalab preview --refresh --expect-no-changes", "check that what runs matches the configuration"],
    ["./datalab preview --stack staging --markdown > comment.md", "for a pull request"],
    ["./datalab preview --save-plan plan.json", "then: ./datalab up --plan plan.json"],
  ]);
}
