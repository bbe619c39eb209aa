import { Option } from "@commander-js/extra-typings";
import { DatalabError, exit } from "../../errors.ts";
import type { Part } from "../../ops/promotion/fields.ts";
import type { Promotion } from "../../ops/promotion/promote.ts";
import { confirm } from "../terminal/confirm.ts";
import { interruptible } from "../terminal/interrupt.ts";
import { type AnyCommand, contextOf, examples } from "../terminal/options.ts";
import { onStderr, print, printJson, say } from "../terminal/output.ts";
import { createReporter } from "../terminal/progress.ts";

export function register(program: AnyCommand): void {
  const promote = program
    .command("promote [stacks...]")
    .description("Promote what runs in one stack to the next one: images, pipelines, configuration.")
    .option("--dry-run", "show what would change; change nothing")
    .addOption(
      new Option("--only <part>", "promote only this part").choices(["services", "pipelines", "config"]),
    )
    .option("--no-up", "write the target's file without deploying it: for a pull request")
    .option("--rollback", "restore the target's previous release; expects only the target")
    .action(async (stacks: string[], options, command) => {
      const { project, json, yes } = contextOf(command);
      const wanted = options.rollback === true ? 1 : 2;
      if (stacks.length !== wanted) {
        const words = wanted === 1 ? "the target, such as staging" : "source and target, such as dev staging";
        throw new DatalabError(
          "E_USAGE",
          `promote: expected ${words}, received ${stacks.length === 0 ? "none" : stacks.join(" ")}`,
        );
      }
      const reporter = createReporter();
      const { promotionText } = await import("../../ops/promotion/promote-text.ts");
      const operation = await import("../../ops/promotion/promote.ts");
      const target = stacks.at(-1) as string;
      const common = {
        project,
        target,
        dryRun: options.dryRun === true,
        deploy: options.up !== false,
        reporter,
        signal: interruptible(),
        confirm: async (promotion: Promotion) => {
          say(promotionText(promotion));
          return confirm(
            options.up === false ? `Write this to Pulumi.${target}.yaml?` : `Deploy this to ${target}?`,
            { yes },
          );
        },
      };
      try {
        const result =
          options.rollback === true
            ? await operation.rollback(common)
            : await operation.promote({
                ...common,
                source: stacks[0] as string,
                ...(options.only && { only: [options.only as Part] }),
              });
        reporter.close();
        const { promotion, written, deployed } = result;
        if (json) {
          printJson({ ...promotion, written, recorded: deployed?.recorded ?? null });
          return;
        }
        if (options.dryRun === true) print(promotionText(promotion));
        else if (deployed)
          print(
            `${onStderr("green", "✔")} ${target} runs ${promotion.source.release}; recorded as ${deployed.recorded}.`,
          );
        else if (written)
          print(`Pulumi.${target}.yaml is written; ./datalab up --stack ${target} deploys it.`);
        else {
          say("Nothing was changed.");
          process.exitCode = exit.failure;
        }
      } finally {
        reporter.close();
      }
    });
  examples(promote, [
    ["./datalab promote dev staging --dry-run", "show what staging would get"],
    ["./datalab promote dev staging", "check, show, ask, deploy"],
    ["./datalab promote staging prod --only pipelines --no-up", "write the file, for a pull request"],
    ["./datalab promote --rollback staging", "restore the previous release"],
  ]);
}
