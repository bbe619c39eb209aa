import { exit } from "../../errors.ts";
import { interruptible } from "../terminal/interrupt.ts";
import { type AnyCommand, contextOf, examples } from "../terminal/options.ts";
import { onStderr, print, printJson, say, table } from "../terminal/output.ts";
import { createReporter } from "../terminal/progress.ts";

export function register(program: AnyCommand): void {
  const policy = program.command("policy").description("The rules that whatever is deployed must keep.");

  policy
    .command("list")
    .description("Every rule, and what it is for.")
    .action(async (_options, command) => {
      const { policyRules } = await import("../../ops/lifecycle/policy.ts");
      const rows = policyRules();
      if (contextOf(command).json) return printJson(rows);
      print(
        await table(
          ["RULE", "LOOKS AT", "WHAT FOR"],
          rows.map((r) => [r.name, r.on, r.summary]),
        ),
      );
    });

  const check = policy
    .command("check")
    .description(
      "Judge everything that an up would deploy. Changes nothing; exit code 2 when a rule is broken.",
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
            `${onStderr("green", "✔")} ${stack} keeps all ${result.policy.rules} rules on its resources, and those on its model.`,
          );
      } finally {
        reporter.close();
      }
    });
  examples(check, [["./datalab policy check --stack staging", "does it keep every rule?"]]);
}
