import { Command } from "@commander-js/extra-typings";
import { exit } from "../errors.ts";
import { version } from "../version.ts";
import { report } from "./terminal/errors.ts";
import { type AnyCommand, addCommonOptions, examples } from "./terminal/options.ts";

/** The first word of a command line. Its module is imported only when it is used. */
interface Entry {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<{ register(program: AnyCommand): void }>;
}

/** In the order of the help text. */
const commands: readonly Entry[] = [
  {
    name: "up",
    summary: "deploy a stack, wait until it is healthy",
    load: () => import("./commands/up.ts"),
  },
  { name: "preview", summary: "show what up would change", load: () => import("./commands/preview.ts") },
  {
    name: "down",
    summary: "remove a stack; data is kept unless told otherwise",
    load: () => import("./commands/down.ts"),
  },
  {
    name: "platform",
    summary: "create a stack, show its state",
    load: () => import("./commands/platform.ts"),
  },
  {
    name: "services",
    summary: "list services, their health and logs",
    load: () => import("./commands/services.ts"),
  },
  {
    name: "alerts",
    summary: "show active and recent alerts",
    load: () => import("./commands/alerts.ts"),
  },
  { name: "pipelines", summary: "list and run pipelines", load: () => import("./commands/pipelines.ts") },
  {
    name: "data",
    summary: "ingest files, list, show and query tables",
    load: () => import("./commands/data.ts"),
  },
  {
    name: "backup",
    summary: "save, restore and drill databases and objects",
    load: () => import("./commands/backup.ts"),
  },
  { name: "secrets", summary: "list, show and set secrets", load: () => import("./commands/secrets.ts") },
  {
    name: "config",
    summary: "check and explain a stack's configuration",
    load: () => import("./commands/config.ts"),
  },
  { name: "cost", summary: "estimate what a stack on AWS costs", load: () => import("./commands/cost.ts") },
  {
    name: "images",
    summary: "build, push, list and prune container images",
    load: () => import("./commands/images.ts"),
  },
  {
    name: "render",
    summary: "write a cluster's manifests as plain YAML",
    load: () => import("./commands/render.ts"),
  },
  {
    name: "release",
    summary: "show what was deployed, by whom, when and from which commit",
    load: () => import("./commands/release.ts"),
  },
  {
    name: "promote",
    summary: "promote what runs to the next stack, or roll back",
    load: () => import("./commands/promote.ts"),
  },
  {
    name: "drift",
    summary: "compare what runs with what was deployed, and repair it",
    load: () => import("./commands/drift.ts"),
  },
  {
    name: "policy",
    summary: "show and check the rules for everything that is deployed",
    load: () => import("./commands/policy.ts"),
  },
  {
    name: "env",
    summary: "print the shell variables that plain pulumi needs",
    load: () => import("./commands/env.ts"),
  },
  { name: "test", summary: "run the project's tests", load: () => import("./commands/test.ts") },
];

async function run(argv: readonly string[]): Promise<void> {
  const program: AnyCommand = new Command("datalab")
    .description("A complete data platform, one typed program for every environment.")
    .version(version(), "-V, --version");
  addCommonOptions(program);
  examples(program, [
    ["./datalab up", "deploy the dev stack"],
    ["./datalab platform status", "show its state"],
    ["./datalab data ingest flights.csv flights", "load a file into the lake"],
    ["./datalab pipelines run medallion_etl --wait", "run a pipeline"],
    ['./datalab data query "select count(*) from silver.flights"', "look at the result"],
  ]);

  const wanted = firstWord(argv);
  for (const { name, summary, load } of commands) {
    if (name === wanted) (await load()).register(program);
    else program.command(name).description(summary);
  }
  prepare(program);
  if (argv.length === 0) program.outputHelp();
  else await program.parseAsync(argv, { from: "user" });
}

/** Adds the common options and our error format to every command, however it was registered. */
function prepare(command: AnyCommand): void {
  command
    .exitOverride()
    .configureOutput({ outputError: () => {} })
    .showSuggestionAfterError();
  for (const child of command.commands) prepare(child);
  if (command.commands.length === 0) addCommonOptions(command);
}

/** The first word that is not an option: its commands have to be loaded. */
function firstWord(argv: readonly string[]): string | undefined {
  const words = argv.filter((word, i) => !word.startsWith("-") && !/^(-s|--stack)$/.test(argv[i - 1] ?? ""));
  return words[0] === "help" ? words[1] : words[0];
}

/** Runs one command line and returns its exit code. */
export async function runProgram(argv: readonly string[]): Promise<number> {
  try {
    await run(argv);
    return Number(process.exitCode ?? exit.ok);
  } catch (error) {
    const end = argv.indexOf("--");
    const options = end < 0 ? argv : argv.slice(0, end);
    const has = (...flags: readonly string[]) => flags.some((flag) => options.includes(flag));
    return report(error, {
      json: has("--json"),
      verbose: has("-v", "--verbose") || Boolean(process.env.DATALAB_DEBUG),
    });
  }
}
