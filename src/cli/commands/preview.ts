import { DatalabError, exit } from "../../errors.ts";
import { interruptible } from "../terminal/interrupt.ts";
import { type AnyCommand, contextOf, examples } from "../terminal/options.ts";
import { print, printJson, say } from "../terminal/output.ts";
import { createReporter } from "../terminal/progress.ts";

export function register(program: AnyCommand): void {
  const preview = program
    .command("preview")
    .description("Show what up would change, and what that puts at risk. Changes nothing.")
    .option("--refresh", "compare with what really runs, not with the last known state")
    .option("--expect-no-changes", "exit 1 when there would be changes")
    .option("--markdown", "print a comment for a pull request")
    .option("--save-plan <file>", "save the plan; up --plan FILE does exactly that")
    .option("--no-policy", "leave the policy pack out")
    .option(
      "--from-json <file>",
      "show a preview that was printed with --json before, without making another",
    )
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
        // With --json the violations are in what was printed, which must be one document.
        if (broken.length > 0 && json) process.exitCode = exit.usage;
        else if (broken.length > 0) throw policyError(broken);
        if (options.savePlan !== undefined)
          say(`The plan is saved: ./datalab up --plan ${options.savePlan} --stack ${stack}`);
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
    ["./datalab preview --stack staging --markdown > comment.md", "for a pull request"],
    ["./datalab preview --save-plan plan.json", "then: ./datalab up --plan plan.json"],
  ]);
}
