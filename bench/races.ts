/**
 * Real commands that want one stack at once, from two checkouts with homes of their own (as root of Linux:
 * also host names and processes of their own), with one state in S3: `up`, `down`, `backup create`, `backup
 * restore`, `backup prune` and `promote`, in a seeded order, some of them killed. Ends with 1 when two have
 * changed the stack at once, when something is lost, or when a lock is left. Prints a Markdown table; every
 * round is kept in bench/data.
 *
 *   eval "$(./datalab env)" && node bench/races.ts [--rounds N] [--seed S] [--minutes M]
 */
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { Race, type RoundResult } from "../tests/acceptance/races/race.ts";
import { pairName, pairs, schedule } from "../tests/acceptance/races/schedule.ts";
import { RaceStage } from "../tests/acceptance/races/stage.ts";
import { record } from "./support/record.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "100" },
    seed: { type: "string", default: "14" },
    /** No round begins later than this. */
    minutes: { type: "string", default: "180" },
  },
});
const [rounds, seed, minutes] = [values.rounds, values.seed, values.minutes].map(Number) as [
  number,
  number,
  number,
];
if (![rounds, seed, minutes].every((n) => Number.isInteger(n) && n > 0)) {
  console.error("usage: node bench/races.ts [--rounds N] [--seed S] [--minutes M]");
  process.exit(2);
}
const results: RoundResult[] = [];
const stage = new RaceStage();
const race = new Race(stage);
const began = performance.now();
let interrupted = false;
process.once("SIGINT", () => {
  interrupted = true;
});
try {
  await stage.open();
  await race.begin();
  const until = performance.now() + minutes * 60_000;
  for (const round of schedule(rounds, seed)) {
    if (interrupted || performance.now() > until) break;
    const result = await race.run(round);
    results.push(result);
    const told = result.outcomes.map(
      ({ operation, machine, verdict, seconds, error }) =>
        `${operation}@${machine + 1} ${verdict}${error && verdict === "absent" ? ` (${error})` : ""} ${seconds.toFixed(1)} s`,
    );
    console.error(`round ${result.round} (${result.seconds.toFixed(0)} s): ${told.join(", ")}`);
    for (const problem of result.problems) console.error(`✖ ${problem}`);
  }
  report();
} finally {
  await stage.close();
}

function report(): void {
  const file = record("races", {
    rounds,
    seed,
    isolated: stage.isolated,
    load: loadavg()[0],
    minutes: (performance.now() - began) / 60_000,
    results,
  });
  const problems = results.flatMap((result) => result.problems);
  const row = ([one, other]: (typeof pairs)[number]) => {
    const name = pairName(one, other);
    const all = results.filter(({ pair }) => pair === name);
    const some = (verdict: string) =>
      all.filter(({ outcomes }) => outcomes.some((each) => each.verdict === verdict)).length;
    const after = all.filter(({ outcomes }) => outcomes.filter((o) => o.verdict === "worked").length > 1);
    const cells = [all.length, some("refused"), after.length, some("absent"), some("killed")];
    return `| ${name} | ${cells.join(" | ")} |`;
  };
  console.log(
    [
      `${results.length} rounds of seed ${seed}; ${problems.length} problems.`,
      "",
      "| pair | rounds | one refused | both worked, one after the other | one found the stack down | one killed |",
      "| --- | ---: | ---: | ---: | ---: | ---: |",
      ...pairs.map(row),
    ].join("\n"),
  );
  console.error(`every round: ${file}`);
  if (problems.length > 0) process.exitCode = 1;
}
