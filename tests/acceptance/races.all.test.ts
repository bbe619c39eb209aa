import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { backupIds, orphans } from "./races/leftovers.ts";
import { Race, type RoundResult } from "./races/race.ts";
import { schedule } from "./races/schedule.ts";
import { RaceStage } from "./races/stage.ts";

/** What fits into a few minutes; `bench/races.ts` runs a hundred. */
const [rounds, seed] = [6, 14];

const stage = new RaceStage();
const race = new Race(stage);
beforeAll(async () => {
  await stage.open();
  await race.begin();
});
afterAll(() => stage.close());

describe("real commands of two checkouts that want one stack at once", () => {
  const results: RoundResult[] = [];

  test.each(schedule(rounds, seed).map((round) => [round.number, round] as const))(
    "round %i: never two at once, nothing is lost, no lock is left",
    async (_, round) => {
      const result = await race.run(round);
      results.push(result);
      expect(result.problems).toEqual([]);
    },
  );

  test("a restore whose backup is pruned while it is read changes nothing, and the note it leaves goes", async () => {
    const on = ["--stack", stage.target, "--json"];
    await stage.must("up", "--stack", stage.target);
    const [oldest = ""] = (await backupIds(stage)).filter(race.data.isWhole);
    stage.takeChanges();
    const held = stage.hold("0", new RegExp(`/${oldest}\\.verified$`));
    const restore = stage.start("0", 0, ["backup", "restore", oldest, "--yes", ...on]);
    await Promise.race([held.reached, restore.ended]);
    const prune = await stage.run(1, "backup", "prune", "--keep", "1", "--yes", ...on);
    expect(prune.code, prune.stderr).toBe(0);
    const { removed } = JSON.parse(prune.stdout) as { removed: string[] };
    expect(removed).toContain(oldest);
    held.letGo();
    const ran = await restore.ended;
    expect(JSON.parse(ran.stdout)).toMatchObject({ error: { code: "E_BACKUP_UNKNOWN" } });
    expect(stage.takeChanges().filter(({ slot }) => slot === "0")).toEqual([]);
    expect(await race.data.problems()).toEqual([]);
    expect(await orphans(stage)).toHaveLength(1);
    await stage.must("backup", "prune", "--keep", "1", "--yes", ...on);
    expect(await orphans(stage)).toEqual([]);
  });

  test("have met: some were refused, and each that worked has changed something", () => {
    const outcomes = results.flatMap((result) => result.outcomes);
    expect(outcomes.filter(({ verdict }) => verdict === "refused").length).toBeGreaterThan(1);
    const restored = outcomes.filter((o) => o.operation === "restore" && o.verdict === "worked");
    for (const { span } of restored) expect(span?.count).toBeGreaterThan(5);
  });
});
