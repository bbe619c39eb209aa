import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { changesSomething, dockerChanges, overlap } from "../acceptance/races/evidence.ts";
import { pairName, pairs, schedule } from "../acceptance/races/schedule.ts";

describe("the rounds of races", () => {
  const rounds = schedule(100, 14);
  const countOf = (name: string) =>
    rounds.filter(
      ({ entries: [one, other] }) => one && other && pairName(one.operation, other.operation) === name,
    ).length;

  test("are the same for the same seed, and others for another", () => {
    expect(schedule(100, 14)).toEqual(rounds);
    expect(schedule(100, 15)).not.toEqual(rounds);
  });

  test("have each of the 21 pairs four or five times, from two machines", () => {
    expect(pairs).toHaveLength(21);
    for (const [one, other] of pairs) expect([4, 5]).toContain(countOf(pairName(one, other)));
    for (const { entries } of rounds) expect(entries[0]?.machine).not.toBe(entries[1]?.machine);
  });

  test("kill one in five, on the other machine now and then", () => {
    const killed = rounds.filter(({ kill }) => kill);
    expect(killed).toHaveLength(20);
    const machines = killed.map(({ entries, kill }) => entries[kill?.entry ?? -1]?.machine);
    expect(machines.filter((machine) => machine === 1)).toHaveLength(3);
  });
});

describe("what a command changed", () => {
  test.each([
    ["stop --time 10 datalab-race2-toy ", true],
    ["rm --force --volumes datalab-race2-toy ", true],
    ["network rm datalab-race2 ", true],
    ["exec -i datalab-race2-postgres bash /dump.sh load toy ", true],
    ["exec -i datalab-race2-postgres bash /dump.sh save toy ", false],
    ["network ls --format {{.Name}} ", false],
    ["create --name datalab-race2.lock --network none ", false],
    [`rm ${"a".repeat(64)} `, false],
  ])("is %s: %s", (words, changes) => {
    expect(changesSomething(words)).toBe(changes);
  });

  test("is read from begin to end, of each by itself", () => {
    const folder = mkdtempSync(join(tmpdir(), "datalab-races-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const log = join(folder, "log");
    expect(dockerChanges(log)).toEqual([]);
    writeFileSync(
      log,
      [
        "10\t0\tbegin 7\tstop a ",
        "20\t1\tbegin 8\tstop a ",
        "30\t0\tend 7\tstop a ",
        "40\t1\tend 8\tstop a ",
      ].join("\n"),
    );
    expect(dockerChanges(log)).toEqual([
      { slot: "0", from: 10, to: 30, what: "docker stop a" },
      { slot: "1", from: 20, to: 40, what: "docker stop a" },
    ]);
  });

  test("meets another's when neither ended before the other began", () => {
    const span = (from: number, to: number) => ({ from, to, count: 1 });
    expect(overlap(span(1, 3), span(2, 4))).toBe(true);
    expect(overlap(span(1, 9), span(2, 4))).toBe(true);
    expect(overlap(span(1, 2), span(2, 4))).toBe(false);
    expect(overlap(span(1, 2), undefined)).toBe(false);
  });
});
