import { isPresetName, type PresetName, presetNames, presets } from "../../config/presets.ts";
import { DatalabError, exit } from "../../errors.ts";
import { didYouMean } from "../../nearest.ts";
import { type PlatformStatus, platformStatus } from "../../ops/services/services.ts";
import { confirmByName } from "../terminal/confirm.ts";
import { interruptible } from "../terminal/interrupt.ts";
import { type AnyCommand, contextOf, examples } from "../terminal/options.ts";
import {
  onStderr,
  onStdout,
  print,
  printable,
  printJson,
  say,
  stateText,
  table,
} from "../terminal/output.ts";
import { createReporter } from "../terminal/progress.ts";

export function register(program: AnyCommand): void {
  const platform = program.command("platform").description("Create a stack, show its state.");

  const init = platform
    .command("init")
    .description("Create a stack: its configuration file, with all defaults, and its state.")
    .option(
      "--preset <name>",
      `services to start from: ${presetNames.join(", ")}; also sets it in a file that exists`,
      presetName,
    )
    .action(async (options, command) => {
      const { stack, project, json } = contextOf(command);
      const { initPlatform } = await import("../../ops/lifecycle/init.ts");
      const result = await initPlatform(project, stack, options.preset);
      if (json) printJson(result);
      else {
        const what = result.created ? "Wrote" : options.preset ? `Set preset: ${result.preset} in` : "Kept";
        print(`${what} ${result.file}; the stack ${stack} exists.`);
        if (result.preset)
          say(
            `The preset ${result.preset} uses about ${presets[result.preset].restMiB} MiB of memory at rest.`,
          );
        say(`Next: ./datalab up --stack ${stack}`);
      }
    });
  examples(init, [
    ["./datalab platform init", "create the dev stack"],
    ["./datalab platform init --stack team-a", "create another stack"],
    ["./datalab platform init --preset lake", "create a small dev stack, for a machine with 8 GiB"],
  ]);

  const adopt = platform
    .command("adopt")
    .description(
      "Take over a stack whose checkout or state is lost: remove its containers, keep its data for the next up.",
    )
    .option("--confirm <name>", "the stack's name; required without a terminal")
    .action(async (options, command) => {
      const { stack, project, json } = contextOf(command);
      const { adopt: takeOver } = await import("../../ops/lifecycle/adopt.ts");
      const { ownerText } = await import("../../ops/services/owner.ts");
      const reporter = createReporter();
      const result = await takeOver({
        project,
        stack,
        reporter,
        signal: interruptible(),
        confirm: ({ owners, objects, volumes }) => {
          const whose = owners.length > 0 ? owners.map(ownerText).join("; ") : "nobody's, by its labels";
          const question = `The stack ${stack} (${whose}) has ${objects.length} objects, which are removed, and ${volumes.length} volumes, which are kept and become this checkout's.`;
          return confirmByName(question, stack, { given: options.confirm });
        },
      }).finally(() => reporter.close());
      if (json) printJson(result);
      else if (result.adopted)
        print(
          `The stack ${stack} is this checkout's now (${result.installation}). Next: ./datalab up --stack ${stack}`,
        );
      else if (result.objects.length + result.volumes.length === 0)
        print(`Nothing carries the name of the stack ${stack}: there is nothing to adopt.`);
      else print("Nothing was changed.");
      if (!result.adopted) process.exitCode = exit.failure;
    });
  examples(adopt, [
    ["./datalab platform adopt", "after the checkout that made the dev stack was deleted"],
    ["./datalab platform adopt --stack team-a --confirm team-a", "without a terminal"],
  ]);

  const status = platform
    .command("status")
    .description("Show the state of every service. The exit code is 0 only if all are healthy.")
    .option("--check", "run every functional check now instead of showing its last result")
    .action(async (options, command) => {
      const { stack, project, json } = contextOf(command);
      const { readPlatform } = await import("../../ops/services/platform.ts");
      const deployed = await readPlatform(project, stack);
      const { platformCore } = await import("../../ops/services/core-client.ts");
      const found = await platformStatus(deployed, {
        core: platformCore(project, deployed),
        fresh: options.check === true,
        onFallback: (error) => {
          say(`${onStderr("yellow", "!")} ${error.message}`);
          say("  These are the states of the containers; the results of functional checks are unknown.");
        },
      });
      if (json) printJson(found);
      else print(await statusText(found));
      if (found.services.some(({ state }) => state !== "healthy")) process.exitCode = exit.failure;
    });
  examples(status, [
    ["./datalab platform status", "a table of services and their failed checks"],
    ["./datalab platform status --check", "run all checks first"],
    ["./datalab platform status --json | jq '.services[].state'", "for programs"],
  ]);
}

function presetName(text: string): PresetName {
  if (isPresetName(text)) return text;
  const message = `--preset: expected one of ${presetNames.join(", ")}, received ${JSON.stringify(text)}`;
  const { fix } = didYouMean(text, presetNames);
  throw new DatalabError("E_USAGE", message, { exitCode: exit.usage, ...(fix && { hint: fix }) });
}

/** The table: one line per service, and one per failing check. */
export async function statusText({ stack, target, services }: PlatformStatus): Promise<string> {
  const rows = services.map(({ name, state, url, checks }) => [
    name,
    stateText(state),
    state === "stopped" ? "" : `${checks.filter(({ ok }) => ok).length}/${checks.length}`,
    url ?? "",
  ]);
  const wrong = services.flatMap(({ name, checks }) =>
    checks
      .filter(({ ok }) => !ok)
      .map(
        (check) => `${onStdout("red", "✖")} ${name} ${check.name}: ${printable(check.message ?? "failed")}`,
      ),
  );
  const lines = [
    `stack ${stack} on ${target}`,
    await table(["service", "state", "checks", "url"], rows),
    ...wrong,
  ];
  return lines.join("\n");
}
