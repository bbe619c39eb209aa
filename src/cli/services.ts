import { exit } from "../config/error.ts";
import { type CheckHealth, coreClient } from "../ops/core-client.ts";
import { readPlatform } from "../ops/platform.ts";
import { findService, findWorkloads, mainUrl, platformStatus } from "../ops/services.ts";
import { type AnyCommand, contextOf, examples, wholeNumber } from "./options.ts";
import { ago, onStderr, onStdout, print, printJson, say, stateText, table } from "./output.ts";
import { registerControl } from "./service-control.ts";

export function register(program: AnyCommand): void {
  const services = program
    .command("services")
    .description("List services, their health and logs; stop and start them.");
  registerControl(services);

  const list = services
    .command("list")
    .description("Every service of the stack: version, state, addresses.")
    .action(async (_options, command) => {
      const { stack, project, json } = contextOf(command);
      const platform = await readPlatform(project, stack);
      const status = await platformStatus(platform, {
        onFallback: (error) => say(`${onStderr("yellow", "!")} ${error.message} Showing container states.`),
      });
      const rows = platform.services.map((service) => ({
        name: service.name,
        summary: service.summary,
        version: service.version,
        owner: service.owner,
        state: status.services.find(({ name }) => name === service.name)?.state ?? "down",
        url: mainUrl(service),
        endpoints: service.endpoints.map(({ name, url, internalUrl, summary }) => ({
          name,
          summary,
          url,
          internalUrl,
        })),
      }));
      if (json) return printJson(rows);
      const cells = rows.map((row) => [row.name, row.version, stateText(row.state), row.url, row.summary]);
      print(await table(["service", "version", "state", "url", "what it is"], cells));
    });
  examples(list, [["./datalab services list", "a table"]]);

  const health = services
    .command("health")
    .argument("[name]", "service; all when not given")
    .description("Every functional check: result, time, message; exit code 0 only when all pass.")
    .option("--check", "run the checks now instead of showing their last results")
    .action(async (name, options, command) => {
      const { stack, project, json } = contextOf(command);
      const platform = await readPlatform(project, stack);
      if (name !== undefined) findService(platform, name);
      const core = coreClient(platform.core.url);
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
    ["./datalab services health prefect --check", "run those of one service now"],
  ]);

  const logs = services
    .command("logs")
    .argument("[name]", "service, or one of its workloads; all when not given")
    .description("Logs of a service's workloads, interleaved; JSON lines with --json.")
    .option("-f, --follow", "go on with new lines until Ctrl-C")
    .option(
      "-n, --tail <lines>",
      "how many of the last lines of each workload",
      wholeNumber("--tail", 0),
      200,
    )
    .option("--since <time>", "only from then on: 10m, 2h, or 2026-01-31T12:00:00Z")
    .action(async (name, options, command) => {
      const context = contextOf(command);
      const { streamLogs } = await import("../ops/logs.ts");
      const platform = await readPlatform(context.project, context.stack);
      const chosen = name === undefined ? platform.services : [findWorkloads(platform, name)];
      const write = context.json ? printJsonLine : prefixed(chosen.flatMap((service) => service.workloads));
      await streamLogs(platform, chosen, {
        follow: options.follow === true,
        // A time says how far back; the default number of lines must not cut it short.
        ...((options.since === undefined || command.getOptionValueSource("tail") !== "default") && {
          tail: options.tail,
        }),
        ...(options.since !== undefined && { since: options.since }),
        onLine: write,
        onMissing: (workload, error) => say(`${onStderr("yellow", "!")} ${workload}: ${error.message}`),
      });
    });
  examples(logs, [
    ["./datalab services logs prefect -f", "follow server and worker"],
    ["./datalab services logs --since 10m --json", "everything of the last ten minutes, for programs"],
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

interface Line {
  readonly at: string;
  readonly service: string;
  readonly workload: string;
  readonly stream: "stdout" | "stderr";
  readonly line: string;
}

const printJsonLine = (line: Line) => print(JSON.stringify(line));
const palette = ["cyan", "magenta", "yellow", "green", "blue", "red"] as const;

/** Each line with its workload in front, in a colour of its own. */
function prefixed(workloads: readonly { readonly name: string }[]): (line: Line) => void {
  const names = workloads.map(({ name }) => name);
  const width = Math.max(0, ...names.map((name) => name.length));
  return ({ workload, line }) => {
    const format = palette[names.indexOf(workload) % palette.length] ?? "cyan";
    print(`${onStdout(format, workload.padEnd(width))} ${onStdout("dim", "|")} ${line}\n`);
  };
}
