import { exit } from "../../errors.ts";
import type { Action, Controlled } from "../../ops/services/control.ts";
import { platformCore } from "../../ops/services/core-client.ts";
import { readPlatform } from "../../ops/services/platform.ts";
import { interruptible } from "../terminal/interrupt.ts";
import { type AnyCommand, contextOf, examples } from "../terminal/options.ts";
import { onStderr, print, printJson, say, stateText, table } from "../terminal/output.ts";
import { createReporter } from "../terminal/progress.ts";

const texts: Readonly<Record<Action, string>> = {
  start: "Start services and their dependencies in order; return when their functional checks pass.",
  stop: "Stop services in reverse order; running work may end, otherwise it is cancelled and named.",
  restart: "Stop services and start them again; their dependents keep running.",
};

/** `services start`, `stop` and `restart`. */
export function registerControl(services: AnyCommand): void {
  for (const action of ["start", "stop", "restart"] as const) {
    const command = services
      .command(action)
      .argument("[names...]", "services")
      .description(texts[action])
      .option("--service <name...>", "same as the argument")
      .option("--all", "every service of the stack");
    if (action !== "start") command.option("--with-dependents", "also services that can't work without them");
    command.action(async (names: string[], options, self: AnyCommand) => {
      const { project, stack, json } = contextOf(self);
      const platform = await readPlatform(project, stack);
      const { controlServices } = await import("../../ops/services/control.ts");
      const reporter = createReporter();
      let done: Controlled[];
      try {
        done = await controlServices(action, {
          project,
          platform,
          core: platformCore(project, platform),
          names: [...new Set([...names, ...((options.service as string[] | undefined) ?? [])])],
          all: options.all === true,
          withDependents: (options as { withDependents?: true }).withDependents === true,
          reporter,
          signal: interruptible(),
        });
      } finally {
        reporter.close();
      }
      if (action !== "stop" && done.some(({ state }) => state !== "healthy")) process.exitCode = exit.failure;
      if (json) return printJson({ stack, action, services: done });
      for (const { name, notes } of done) {
        for (const note of notes) say(`${onStderr("yellow", "!")} ${name}: ${note}`);
      }
      const cells = done.map((each) => [
        each.name,
        stateText(each.state),
        each.changed ? `${each.seconds.toFixed(1)} s` : "nothing to do",
      ]);
      print(await table(["service", "state", action], cells));
    });
    examples(command, commandExamples[action]);
  }
}

const commandExamples: Readonly<Record<Action, readonly (readonly [string, string])[]>> = {
  start: [
    ["./datalab services start --all", "all stopped services"],
    ["./datalab services start prefect", "this service and its dependencies"],
  ],
  stop: [
    ["./datalab services stop --all", "containers and data stay, and no memory is used"],
    ["./datalab services stop postgres --with-dependents", "its dependents first, then this service"],
  ],
  restart: [
    ["./datalab services restart prefect", "running work may end first"],
    ["./datalab services restart --service prefect --service core --json", "two services, for programs"],
  ],
};
