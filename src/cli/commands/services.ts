import { Option } from "@commander-js/extra-typings";
import { exit } from "../../errors.ts";
import { type CheckHealth, platformCore } from "../../ops/services/core-client.ts";
import { readPlatform } from "../../ops/services/platform.ts";
import { findService, mainUrl, platformStatus } from "../../ops/services/services.ts";
import { type AnyCommand, contextOf, examples, wholeNumber } from "../terminal/options.ts";
import { ago, onStderr, onStdout, print, printJson, say, stateText, table } from "../terminal/output.ts";
import { registerControl } from "./service-control.ts";

export function register(program: AnyCommand): void {
  const services = program
    .command("services")
    .description("List services, their health and logs; stop and start them.");
  registerControl(services);

  const list = services
    .command("list")
    .description("List the services of the stack: version, state, addresses.")
    .action(async (_options, command) => {
      const { stack, project, json } = contextOf(command);
      const platform = await readPlatform(project, stack);
      const status = await platformStatus(platform, {
        core: platformCore(project, platform),
        onFallback: (error) => say(`${onStderr("yellow", "!")} ${error.message} Showing container states.`),
      });
      const rows = platform.services.map((service) => ({
        name: service.name,
        summary: service.summary,
        version: service.version,
        owner: service.owner,
        state: status.services.find(({ name }) => name === service.name)?.state ?? "down",
        url: mainUrl(service),
        endpoints: service.endpoints.map(({ name, url, internalUrl, summary, protocol, auth, login }) => ({
          name,
          summary,
          protocol,
          url,
          internalUrl,
          auth: auth ?? "own",
          login,
        })),
      }));
      if (json) return printJson(rows);
      const cells = rows.map((row) => [row.name, row.version, stateText(row.state), row.url, row.summary]);
      print(await table(["service", "version", "state", "url", "what it is"], cells));
    });
  examples(list, [["./datalab services list", "a table"]]);

  const health = services
    .command("health")
    .argument("[name]", "service (default: all)")
    .description("Show every functional check: result, time, message. The exit code is 0 only if all pass.")
    .option("--check", "run the checks now instead of showing their last results")
    .action(async (name, options, command) => {
      const { stack, project, json } = contextOf(command);
      const platform = await readPlatform(project, stack);
      if (name !== undefined) findService(platform, name);
      const core = platformCore(project, platform);
      const found = options.check ? await core.check(name) : await core.health();
      const shown = found.services.filter((service) => name === undefined || service.name === name);
      if (json) printJson(shown);
      else {
        const rows = shown.flatMap((service) =>
          service.checks.map((check) => checkCells(service.name, check)),
        );
        print(await table(["service", "check", "result", "ms", "when", "lately", "message"], rows));
      }
      if (shown.some(({ state }) => state !== "healthy")) process.exitCode = exit.failure;
    });
  examples(health, [
    ["./datalab services health", "all checks"],
    ["./datalab services health prefect --check", "run the checks of one service now"],
  ]);

  const logs = services
    .command("logs")
    .argument("[names...]", "services or workloads (default: all)")
    .description("Print logs from the central store in order of time; JSON lines with --json.")
    .option("-f, --follow", "follow new lines until Ctrl-C")
    .option(
      "-n, --limit <lines>",
      "number of last lines (default: 200, all with --since)",
      wholeNumber("--limit", 0),
    )
    .addOption(new Option("--tail <lines>").argParser(wholeNumber("--tail", 0)).hideHelp())
    .option("--since <time>", "only lines since then: 15m, 2h, 7d, or 2026-01-31T12:00:00Z")
    .option("--grep <pattern>", "only lines that match this regular expression or text")
    .option(
      "--level <level>",
      "only lines of this level or a more severe one: debug, info, warning, error, critical",
    )
    .action(async (names, options, command) => {
      const context = contextOf(command);
      const { showLogs } = await import("./logs.ts");
      const limit = options.limit ?? options.tail ?? (options.since === undefined ? 200 : undefined);
      const { since, grep, level } = options;
      await showLogs(context, { names, since, grep, level, limit, follow: options.follow === true });
    });
  examples(logs, [
    ["./datalab services logs prefect -f", "follow server and worker"],
    ["./datalab services logs --since 10m --level error", "errors of the last ten minutes"],
    ["./datalab services logs postgres --grep 'deadlock|timeout' --json", "for programs"],
  ]);
}

function checkCells(service: string, check: CheckHealth) {
  const marks = check.history
    .slice(-10)
    .map(({ ok }) => (ok ? onStdout("green", "▪") : onStdout("red", "✖")));
  return [
    service,
    check.name,
    check.ok ? onStdout("green", "ok") : onStdout("red", "failed"),
    check.ms,
    check.history.length === 0 ? "" : ago(check.at),
    marks.join(""),
    check.message,
  ];
}
