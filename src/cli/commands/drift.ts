import { exit } from "../../errors.ts";
import { confirm } from "../terminal/confirm.ts";
import { interruptible } from "../terminal/interrupt.ts";
import { type AnyCommand, contextOf, examples } from "../terminal/options.ts";
import { print, printJson, say, table } from "../terminal/output.ts";
import { createReporter } from "../terminal/progress.ts";

export function register(program: AnyCommand): void {
  const drift = program
    .command("drift")
    .description(
      "Compare what runs with what was deployed: changed, missing and unknown objects. The exit code is 3 if there are any.",
    )
    .option("--markdown", "print Markdown for an issue or a comment")
    .option(
      "--repair",
      "repair it: run an up, and remove objects that have the stack's labels but are not in its state",
    )
    .action(async (options, command) => {
      const { stack, project, json, yes, verbose } = contextOf(command);
      const reporter = createReporter();
      const signal = interruptible();
      try {
        const { drift, repairDrift } = await import("../../ops/lifecycle/drift.ts");
        const { driftMarkdown } = await import("../../ops/lifecycle/drift-report.ts");
        const how = {
          project,
          stack,
          reporter,
          signal,
          ...(verbose && { onEngineLine: (line: string) => reporter.log(line) }),
        };
        let report = await drift(how);
        if (options.repair === true && report.drifted) {
          say(await driftText(report));
          const toDo = report.items.filter(({ repair }) => repair !== "people").length;
          if (toDo > 0 && (await confirm(`Repair ${toDo} of these?`, { yes })))
            report = (await repairDrift(how, report)).after;
        }
        reporter.close();
        if (json) printJson(report);
        else print(options.markdown === true ? driftMarkdown(report) : await driftText(report));
        if (report.drifted) process.exitCode = exit.drift;
      } finally {
        reporter.close();
      }
    });
  examples(drift, [
    ["./datalab drift", "a table; exit code 3 if there is drift"],
    ["./datalab drift --stack prod --markdown", "for the nightly issue"],
    ["./datalab drift --repair --yes", "repair it, then check again"],
  ]);
}

async function driftText(report: import("../../ops/lifecycle/drift-report.ts").DriftReport): Promise<string> {
  const { repairTexts } = await import("../../ops/lifecycle/drift-report.ts");
  if (!report.drifted) return "No drift: what runs is what was deployed.";
  return table(
    ["WHAT", "KIND", "NAME", "DETAILS", "REPAIR"],
    report.items.map((i) => [i.what, i.kind, i.name, i.details, repairTexts[i.repair]]),
  );
}
