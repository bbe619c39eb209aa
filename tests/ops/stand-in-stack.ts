import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Reporter } from "../../src/ops/reporter.ts";
import { standIn } from "../support/programs.ts";

/** One run of the engine: what it writes to its log and to stderr, and how it ends. */
export interface Run {
  readonly code: number;
  readonly events?: readonly unknown[];
  readonly stderr?: string;
  /** It works until it is interrupted. */
  readonly waits?: true;
}

export interface StandInPulumi {
  /** Every command line that was run, first word first. */
  calls(): string[][];
  /** The values that were set in the configuration, from standard input. */
  secrets(): string[];
}

/**
 * A Pulumi that has a stack or not, answers `stack output` with this, and whose runs of the engine go as
 * told.
 */
export function standInPulumi(options: {
  readonly stacks?: readonly string[];
  readonly runs?: readonly Run[];
  readonly output?: unknown;
  readonly state?: unknown;
}): StandInPulumi {
  const { stacks = ["dev"], runs = [], output = null, state = {} } = options;
  const folder = standIn(
    "pulumi",
    `const is = (...words) => words.every((word, i) => args[i] === word);
if (is("stack", "ls")) console.log(${JSON.stringify(JSON.stringify(stacks.map((name) => ({ name }))))});
if (is("stack", "output")) console.log(${JSON.stringify(JSON.stringify(output))});
const stack = args[args.indexOf("--stack") + 1];
if (is("stack", "export") && !${JSON.stringify(stacks)}.includes(stack)) {
  process.stderr.write("error: no stack named '" + stack + "' found\\n");
  process.exit(255);
}
if (is("stack", "export")) console.log(${JSON.stringify(JSON.stringify(state))});
if (is("config", "set")) appendFileSync(folder + "/secrets", readFileSync(0, "utf8") + "\\n");
if (["up", "destroy"].includes(args[0])) {
  const count = existsSync(folder + "/runs") ? readFileSync(folder + "/runs", "utf8").length : 0;
  appendFileSync(folder + "/runs", ".");
  const run = ${JSON.stringify(runs)}[count] ?? { code: 99, stderr: "no such run was expected" };
  const log = args[args.indexOf("--event-log") + 1];
  for (const event of run.events ?? []) appendFileSync(log, JSON.stringify(event) + "\\n");
  process.stderr.write(run.stderr ?? "");
  if (run.waits) {
    process.on("SIGINT", () => process.exit(run.code));
    console.log("working");
    setInterval(() => {}, 1000);
  } else process.exitCode = run.code;
}`,
  );
  const lines = (file: string) => {
    try {
      return readFileSync(join(folder, file), "utf8").trim().split("\n");
    } catch {
      return [];
    }
  };
  return {
    calls: () => lines("calls").map((line) => JSON.parse(line) as string[]),
    secrets: () => lines("secrets"),
  };
}

/** Names of what a stand-in Docker has. */
export interface Things {
  containers?: readonly string[];
  networks?: readonly string[];
  volumes?: readonly string[];
  /** Id of the installation that the labels name; absent: they name none. */
  installation?: string;
  /** Port that a container of the stack dev publishes. */
  port?: number;
}

/**
 * A Docker that has these, and forgets what it is told to remove; what is named in `stuck` it keeps,
 * `refused` with an error.
 */
export function standInDocker(
  things: Things = {},
  stuck: readonly string[] = [],
  refused: readonly string[] = [],
): { has(): Required<Things> } {
  const folder = standIn(
    "docker",
    `const file = folder + "/things";
const things = JSON.parse(readFileSync(file, "utf8"));
const kinds = { network: "networks", volume: "volumes" };
const kind = kinds[args[0]] ?? "containers";
const remove = (names) => {
  if (names.some((name) => ${JSON.stringify(refused)}.includes(name))) process.exit(1);
  things[kind] = things[kind].filter((name) => !names.includes(name) || ${JSON.stringify(stuck)}.includes(name));
  writeFileSync(file, JSON.stringify(things));
};
// The stack's lock is a container that is never started.
if (args[0] === "create") console.log("the-lock");
else if (args[0] === "rm" && args[1] === "the-lock") process.exit(0);
else if (args[0] === "events") setInterval(() => {}, 1000);
else if (args[0] === "ps" && args.includes("--quiet")) console.log(things.port ? "abc" : "");
else if (args.includes("{{json .Config.Env}}")) console.log("[]");
else if (args[0] === "inspect") {
  const Ports = { "7070/tcp": [{ HostPort: String(things.port) }] };
  const Config = { Labels: { "datalab.stack": "dev" } };
  const State = { Status: "running" };
  console.log(JSON.stringify([{ Name: "/x", State, Config, HostConfig: { PortBindings: Ports }, NetworkSettings: { Ports } }]));
}
else if (args[0] === "system") console.log("[]");
else if (args[0] === "ps" && args.some((a) => a.includes("oneshot"))) process.exit(0);
else if (args.some((a) => a === "label=datalab.role=spawned"))
  process.stdout.write(things[kind].filter((name) => /notebook(?:-ann)?(?:-env)?$/.test(name)).join("\\n"));
else if (args.some((a) => a === "label=datalab.role=files"))
  process.stdout.write(things[kind].filter((name) => name.endsWith("-files")).join("\\n"));
else if (args[0] === "ps" || args[1] === "ls") {
  const owned = args.at(-1).includes("datalab.installation") && things.installation;
  process.stdout.write(things[kind].map((name) => name + (owned ? "\\t" + owned + "\\tann@laptop:/lab" : "") + "\\n").join(""));
} else if (args[1] === "inspect") {
  const Labels = { "datalab.service": "postgres", ...(things.installation && { "datalab.installation": things.installation, "datalab.origin": "ann@laptop:/lab" }) };
  console.log(JSON.stringify(args.slice(2).map((Name) => ({ Name, Labels }))));
} else if (args[0] === "rm") remove(args.slice(3));
else if (args[1] === "rm") remove(args.slice(2));`,
  );
  const file = join(folder, "things");
  writeFileSync(file, JSON.stringify({ containers: [], networks: [], volumes: [], ...things }));
  return { has: () => JSON.parse(readFileSync(file, "utf8")) as Required<Things> };
}

/** A reporter that remembers how each step went: `engine: done 2 deleted`. */
export function remember(): { reporter: Reporter; steps: string[] } {
  const steps: string[] = [];
  const reporter: Reporter = {
    step: (name) => ({
      update: () => {},
      done: (text = "") => void steps.push(`${name}: done ${text}`.trim()),
      fail: (text = "") => void steps.push(`${name}: failed ${text}`.trim()),
    }),
  };
  return { reporter, steps };
}

/** The engine's lock as a process that is dead has left it. */
export const staleLock = (host: string): string =>
  `error: the stack is currently locked by 1 lock(s).\n  file:///x/1f.json: created by ann@${host} (pid ${2 ** 22 - 1}) at 2026-01-31T12:00:00Z\n`;
