import { isPresetName, type PresetName, presetNames, presets } from "../../config/presets.ts";
import { DatalabError, exit } from "../../errors.ts";
import { didYouMean } from "../../nearest.ts";
import { type PlatformStatus, platformStatus } from "../../ops/services/services.ts";
import { type AnyCommand, contextOf, examples } from "../terminal/options.ts";
import { onStderr, onStdout, print, printJson, say, stateText, table } from "../terminal/output.ts";

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
      .map((check) => `${onStdout("red", "✖")} ${name} ${check.name}: ${check.message ?? "failed"}`),
  );
  const lines = [
    `stack ${stack} on ${target}`,
    await table(["service", "state", "checks", "url"], rows),
    ...wrong,
  ];
  return lines.join("\n");
}
