import { exit } from "../../errors.ts";
import { interruptible } from "../terminal/interrupt.ts";
import { type AnyCommand, contextOf, examples } from "../terminal/options.ts";
import { onStderr, print, printJson, say, table } from "../terminal/output.ts";
import { createReporter } from "../terminal/progress.ts";

export function register(program: AnyCommand): void {
  const policy = program
    .command("policy")
    .description("Show and check the rules for everything that is deployed.");

  policy
    .command("list")
    .description("List every rule and its purpose.")
    .action(async (_options, command) => {
      const { policyRules } = await import("../../ops/lifecycle/policy.ts");
      const rows = policyRules();
      if (contextOf(command).json) return printJson(rows);
      print(
        await table(
          ["RULE", "CHECKS", "PURPOSE"],
          rows.map((r) => [r.name, r.on, r.summary]),
        ),
      );
    });

  const check = policy
    .command("check")
    .description(
      "Check everything that an up would deploy. Changes nothing; the exit code is 2 if a rule is violated.",
    )
    .action(async (_options, command) => {
      const { stack, project, json } = contextOf(command);
      const reporter = createReporter();
      try {
        const { preview } = await import("../../ops/lifecycle/preview.ts");
        const result = await preview({ project, stack, reporter, refresh: false, signal: interruptible() });
        reporter.close();
        if (json) printJson({ stack, ...result.policy });
        const { mandatory, policyError } = await import("../../ops/lifecycle/policy.ts");
        const broken = mandatory(result.policy.violations);
        if (broken.length > 0 && json) process.exitCode = exit.usage;
        else if (broken.length > 0) throw policyError(broken);
        if (!json)
          say(
            `${onStderr("green", "✔")} ${stack} keeps all ${result.policy.rules} rules for resources, and those for the model.`,
          );
      } finally {
        reporter.close();
      }
    });
  examples(check, [["./datalab policy check --stack staging", "check the staging stack"]]);
}
