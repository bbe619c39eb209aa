/**
 * How long a run waits for its start: from its creation until a worker has claimed it, and until its flow
 * runs. Prints a Markdown table; every figure is kept in bench/data. The platforms run already; of several,
 * one is asked after the other.
 *
 *   eval "$(./datalab env)" && node bench/run-start.ts [--runs 10] STACK...
 */
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { instanceName } from "../src/model/names.ts";
import { must } from "../tests/acceptance/support/project.ts";
import { busyShare } from "./support/measure.ts";
import { record, spread } from "./support/record.ts";

const { values, positionals: stacks } = parseArgs({
  options: { runs: { type: "string", default: "10" } },
  allowPositionals: true,
});
const runs = Number(values.runs);
if (!Number.isInteger(runs) || runs < 1 || stacks.length === 0) {
  console.error("usage: node bench/run-start.ts [--runs 10] STACK...");
  process.exit(2);
}

/**
 * In the worker's container, which has the address and the login: one run of the deployment that the core's
 * check uses.
 */
const program = `
import json, os, time
from datetime import datetime
from datalab.prefect.api import Api
api = Api(os.environ["PREFECT_API_URL"], os.environ["PREFECT_API_AUTH_STRING"])
deployment = api.call("GET", "/deployments/name/datalab-health/roundtrip")["id"]
run = api.call("POST", f"/deployments/{deployment}/create_flow_run", {"state": {"type": "SCHEDULED"}})["id"]
while api.call("GET", f"/flow_runs/{run}")["state_type"] not in ("COMPLETED", "FAILED", "CRASHED"):
    time.sleep(0.5)
states = api.call("GET", f"/flow_run_states/?flow_run_id={run}")
first = {}
for state in sorted(states, key=lambda each: each["timestamp"]):
    first.setdefault(state["type"], datetime.fromisoformat(state["timestamp"].replace("Z", "+00:00")))
begin = first["SCHEDULED"]
print(json.dumps({name.lower(): (at - begin).total_seconds() for name, at in first.items()}))
api.call("DELETE", f"/flow_runs/{run}")
`;

interface Figure {
  readonly stack: string;
  readonly run: number;
  /** Share of the machine's CPU that was busy just before. */
  readonly busy: number;
  readonly pending: number;
  readonly running: number;
  readonly completed: number;
}

const figures: Figure[] = [];
for (let run = 1; run <= runs; run++) {
  for (const stack of run % 2 === 1 ? stacks : stacks.toReversed()) {
    // At rest, and at no fixed distance from whatever is done by the clock.
    await sleep(20_000 + 10_000 * Math.random());
    const busy = await busyShare(1);
    const script = 'set -a; . /run/datalab/env; set +a; exec python -c "$0"';
    const container = instanceName(stack, "prefect-worker");
    const docker = process.env.DATALAB_DOCKER ?? "docker";
    const said = must(".", docker, ["exec", container, "bash", "-c", script, program]);
    const figure: Figure = {
      stack,
      run,
      busy,
      ...(JSON.parse(said) as Omit<Figure, "stack" | "run" | "busy">),
    };
    figures.push(figure);
    console.error(
      `run ${run} ${stack} claimed ${figure.pending.toFixed(2)} s, runs ${figure.running.toFixed(2)} s`,
    );
  }
}
const file = record("run-start", { runs, figures });
const of = (stack: string, what: "pending" | "running" | "completed") =>
  spread(figures.filter((each) => each.stack === stack).map((each) => each[what]));
console.log(
  [
    `| seconds after its creation | ${stacks.join(" | ")} |`,
    `| --- | ${stacks.map(() => "---:").join(" | ")} |`,
    `| a worker has claimed the run | ${stacks.map((stack) => of(stack, "pending")).join(" | ")} |`,
    `| its flow runs | ${stacks.map((stack) => of(stack, "running")).join(" | ")} |`,
    `| it has ended | ${stacks.map((stack) => of(stack, "completed")).join(" | ")} |`,
  ].join("\n"),
);
console.error(`every figure: ${file}`);
