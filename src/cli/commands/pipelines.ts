import { setTimeout as sleep } from "node:timers/promises";
import { DatalabError, exit } from "../../errors.ts";
import { readPlatformAndCredentials } from "../../ops/services/credentials.ts";
import {
  listPipelines,
  type PipelineStatus,
  runEnded,
  runLogs,
  startRun,
  waitForRun,
} from "../../ops/services/pipelines.ts";
import { type PrefectClient, prefectOf, type RunLog } from "../../ops/services/prefect-client.ts";
import { type PauseResult, pausePipeline } from "../../ops/services/schedules.ts";
import {
  type AnyCommand,
  type Context,
  contextOf,
  examples,
  timeoutSeconds,
  wholeNumber,
} from "../terminal/options.ts";
import { ago, onStdout, print, printableLines, printJson, say, show, table } from "../terminal/output.ts";
import { createReporter } from "../terminal/progress.ts";

/** Lines of its log that a failed run is shown with. */
const failureLines = 15;

export function register(program: AnyCommand): void {
  const pipelines = program.command("pipelines").description("List and run pipelines.");

  const list = pipelines
    .command("list")
    .description("List the pipelines: version, schedule, last run, next run.")
    .action(async (_options, command) => {
      const context = contextOf(command);
      const { platform, prefect } = await connect(context);
      const found = await listPipelines(platform, prefect);
      if (context.json) return printJson(found);
      print(
        await table(
          ["pipeline", "version", "schedule", "last run", "next run", "what it does"],
          found.map(cells),
        ),
      );
    });
  examples(list, [["./datalab pipelines list", "a table"]]);

  const run = pipelines
    .command("run")
    .argument("<name>", "pipeline")
    .description("Start a run. With --wait the exit code is 0 only if it completes.")
    .option(
      "-p, --param <key=value>",
      "parameter of the run, may be repeated; read as JSON if it is valid JSON",
      collect,
    )
    .option("-w, --wait", "wait until the run has ended")
    .option(
      "--timeout <duration>",
      "stop waiting after this time, for example 10m (implies --wait)",
      timeoutSeconds,
    )
    .action(async (name, options, command) => {
      const context = contextOf(command);
      const { platform, prefect } = await connect(context);
      const started = await startRun(platform, prefect, name, options.param ?? new Map());
      if (!options.wait && options.timeout === undefined) {
        return show(context.json, started, ({ run }) => `run ${run} of ${name} is scheduled`);
      }
      await wait(context, prefect, name, started.run, options.timeout);
    });
  examples(run, [
    ["./datalab pipelines run medallion_etl --wait", "start a run and wait for its end"],
    [
      "./datalab pipelines run medallion_etl -p table=flights --timeout 10m",
      "with a parameter, at most ten minutes",
    ],
  ]);

  const pauses = [
    ["pause", "Pause the schedule of a pipeline; runs under way go on, and runs can be started by hand."],
    ["resume", "Let the schedule of a pipeline go on that was paused by hand."],
  ] as const;
  for (const [verb, description] of pauses) {
    const pause = pipelines
      .command(verb)
      .argument("<name>", "pipeline")
      .description(`${description} It stays so until \`paused\` in its definition is changed.`)
      .action(async (name, _options, command) => {
        const context = contextOf(command);
        const { platform, prefect } = await connect(context);
        show(context.json, await pausePipeline(platform, prefect, name, verb === "pause"), pauseText);
      });
    examples(pause, [[`./datalab pipelines ${verb} PIPELINE`, `${verb} its schedule`]]);
  }

  const logs = pipelines
    .command("logs")
    .argument("<run>", "id of the run")
    .description("Print the log of a run; JSON lines with --json.")
    .option("-n, --tail <lines>", "number of last lines", wholeNumber("--tail", 1), 200)
    .action(async (id, options, command) => {
      const context = contextOf(command);
      const { prefect } = await connect(context);
      for (const line of await runLogs(prefect, id, Math.min(options.tail, 200))) {
        print(context.json ? JSON.stringify(logJson(line)) : logText(line));
      }
    });
  examples(logs, [["./datalab pipelines logs 8a3c1f0e-...", "its last lines"]]);
}

async function connect({ project, stack }: Context) {
  const { platform, credentials } = await readPlatformAndCredentials(project, stack);
  return { platform, prefect: prefectOf(platform, credentials) };
}

async function wait(
  { json }: Context,
  prefect: PrefectClient,
  name: string,
  run: string,
  timeoutSeconds: number | undefined,
): Promise<void> {
  const interrupt = new AbortController();
  const stop = () => interrupt.abort();
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const name of signals) process.once(name, stop);
  const reporter = createReporter();
  const step = reporter.step(`run ${run} of ${name}`);
  try {
    const end = await waitForRun(prefect, run, {
      ...(timeoutSeconds !== undefined && { timeoutSeconds }),
      signal: interrupt.signal,
      // The result is reported once, below.
      onProgress: ({ state, type, waitsFor }) =>
        !runEnded(type) && step.update(waitsFor === null ? state : `${state}, waits for ${waitsFor}`),
    });
    const result = { run, state: end.state, seconds: end.seconds };
    const completed = end.type === "COMPLETED";
    if (completed) step.done(end.state);
    else {
      step.fail(end.message ?? end.state);
      const lines = await failureLog(prefect, run);
      if (lines.length > 0) say(`Last lines of its log (./datalab pipelines logs ${run} shows more):`);
      for (const line of lines) say(logText(line).replace(/^/gm, "  "));
      process.exitCode = exit.failure;
    }
    show(json, result, () => `run ${run} ${end.state} after ${end.seconds} s`);
  } catch (error) {
    if (interrupt.signal.aborted) {
      throw new DatalabError("E_INTERRUPTED", `Stopped waiting; the run ${run} continues.`, {
        hint: `./datalab pipelines logs ${run}`,
      });
    }
    step.fail();
    throw error;
  } finally {
    for (const name of signals) process.off(name, stop);
    reporter.close();
  }
}

/**
 * The end of a failed run's log. Runs send their lines every few seconds: the last ones may still be on their
 * way.
 */
async function failureLog(prefect: PrefectClient, run: string): Promise<readonly RunLog[]> {
  let lines: readonly RunLog[] = [];
  for (let tries = 0; tries < 8 && !lines.some(({ level }) => level >= 40); tries++) {
    if (tries > 0) await sleep(500);
    lines = await prefect.logs(run, failureLines).catch(() => []);
  }
  return lines;
}

function cells(pipeline: PipelineStatus) {
  const { name, version, schedule, paused, registered, lastRun, nextRun, summary } = pipeline;
  const last = lastRun ? `${runState(lastRun.state)} ${ago(lastRun.at)}` : "never";
  const next = paused ? "paused" : nextRun ? ago(nextRun) : "";
  return [name, registered ? version : `${version} (not registered)`, schedule, last, next, summary];
}

const pauseText = ({ name, paused, changed }: PauseResult): string =>
  `the schedule of ${name} ${changed ? "is" : "was already"} ${paused ? "paused" : "active"}`;

function runState(state: string): string {
  if (state === "completed") return onStdout("green", state);
  return onStdout(["failed", "crashed"].includes(state) ? "red" : "yellow", state);
}

/** Python's levels of logging. */
const levels = [
  [50, "critical"],
  [40, "error"],
  [30, "warning"],
  [20, "info"],
  [0, "debug"],
] as const;
const levelName = (level: number) => levels.find(([min]) => level >= min)?.[1] ?? "debug";
const logJson = ({ timestamp, level, message }: RunLog) => ({
  at: timestamp,
  level: levelName(level),
  message,
});
const logText = ({ timestamp, level, message }: RunLog) =>
  `${timestamp.slice(11, 19)} ${levelName(level).padEnd(8)} ${printableLines(message)}`;

function usage(message: string, hint?: string): DatalabError {
  return new DatalabError("E_USAGE", message, hint ? { hint } : {});
}

function collect(text: string, known?: Map<string, string>): Map<string, string> {
  const equals = text.indexOf("=");
  if (equals < 1) throw usage(`--param: expected key=value, received ${JSON.stringify(text)}`);
  const key = text.slice(0, equals);
  if (known?.has(key)) throw usage(`--param: ${key} is given twice`);
  return new Map([...(known ?? []), [key, text.slice(equals + 1)]]);
}
