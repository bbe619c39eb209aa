/** Rounds of real commands that want the same stack at once, and what must be true after each. */
import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../support/eventually.ts";
import { labelled } from "../support/leftovers.ts";
import type { Ran } from "../support/project.ts";
import { overlap, type Span, spanOf } from "./evidence.ts";
import { KnownData } from "./known-data.ts";
import { backupIds, leftovers, orphans } from "./leftovers.ts";
import { type Entry, type Operation, pairName, type Round } from "./schedule.ts";
import type { RaceStage, Slot } from "./stage.ts";

/** How many backups a prune leaves. */
const keep = 4;
/** Rounds between two looks at everything that takes its time. */
const thoroughEvery = 5;

/** `absent`: the stack, or the backup, was gone when it came. */
export type Verdict = "worked" | "refused" | "absent" | "killed";

export interface Outcome {
  readonly operation: Operation;
  readonly machine: 0 | 1;
  readonly verdict: Verdict;
  readonly code: number | null;
  readonly seconds: number;
  readonly span: Span | undefined;
  readonly error: string | undefined;
}

export interface RoundResult {
  readonly round: number;
  readonly pair: string;
  readonly outcomes: readonly Outcome[];
  /** Everything that must not be so. */
  readonly problems: readonly string[];
  readonly seconds: number;
}

/** Errors of a command that came when the stack was down, or when the backup had been removed. */
const absences: Partial<Record<Operation, readonly string[]>> = {
  backup: ["E_NOT_DEPLOYED"],
  restore: ["E_NOT_DEPLOYED", "E_BACKUP_UNKNOWN"],
};

interface Finished {
  readonly entry: Entry;
  readonly slot: Slot;
  readonly ran: Ran;
  readonly killed: boolean;
  readonly span: Span | undefined;
}

export class Race {
  readonly #stage: RaceStage;
  readonly data: KnownData;
  /** The checkout whose files were deployed last. */
  #deployedBy: 0 | 1 = 0;
  readonly #killedOn = new Set<number>();

  constructor(stage: RaceStage) {
    this.#stage = stage;
    this.data = new KnownData(stage);
  }

  /** The first rows and objects, and two backups of them. */
  async begin(): Promise<void> {
    this.data.create();
    for (const n of [-2, -1]) {
      await this.data.add(n);
      const made = await this.#stage.must("backup", "create", "--stack", this.#stage.target, "--json");
      this.data.saved((JSON.parse(made.stdout) as { id: string }).id);
    }
  }

  async run(round: Round): Promise<RoundResult> {
    const began = performance.now();
    const problems: string[] = [];
    const { entries } = round;
    const wakes = entries.some(({ operation }) => operation === "up" || operation === "promote");
    if (this.#isDown() && !wakes) await this.#bringUp(problems);
    if (!this.#isDown()) await this.data.add(round.number);
    const backup = await this.#chosen(round);
    this.#stage.takeChanges();
    const finished = await this.#compete(round, backup);
    const outcomes = finished.map((each) => this.#judge(each, finished, problems));
    for (const [i, one] of finished.entries())
      for (const other of finished.slice(i + 1))
        if (overlap(one.span, other.span))
          problems.push(`${told(one)} and ${told(other)} changed the stack at once`);
    await this.#settle(finished, outcomes, backup, problems);
    await this.#look(round.number % thoroughEvery === 0, problems);
    const [first, second] = entries as readonly [Entry, Entry];
    return {
      round: round.number,
      pair: pairName(first.operation, second.operation),
      outcomes,
      problems,
      seconds: (performance.now() - began) / 1000,
    };
  }

  #isDown(): boolean {
    return labelled(this.#stage.machine(0).project, this.#stage.target).containers.length === 0;
  }

  /** A restore that may be killed takes one that no prune of the round removes: it is run again. */
  async #chosen({ choice, kill }: Round): Promise<string> {
    const whole = (await backupIds(this.#stage)).filter((id) => this.data.isWhole(id));
    const from = kill ? whole.slice(-2) : whole;
    return from[Math.floor(choice * from.length)] as string;
  }

  #words(operation: Operation, backup: string): string[] {
    const { source, target } = this.#stage;
    const on = ["--stack", target, "--json"];
    switch (operation) {
      case "up":
        return ["up", ...on];
      case "down":
        return ["down", "--yes", ...on];
      case "restore":
        return ["backup", "restore", backup, "--yes", ...on];
      case "backup":
        return ["backup", "create", ...on];
      case "prune":
        return ["backup", "prune", "--keep", String(keep), "--yes", ...on];
      case "promote":
        return ["promote", source, target, "--yes", "--json"];
    }
  }

  async #compete({ entries, kill }: Round, backup: string): Promise<Finished[]> {
    const ends = await Promise.all(
      entries.map(async (entry, index) => {
        await sleep(entry.afterMs);
        const slot = String(index) as Slot;
        const running = this.#stage.start(slot, entry.machine, this.#words(entry.operation, backup));
        let ended = false;
        const ran = running.ended.finally(() => {
          ended = true;
        });
        if (kill?.entry !== index) return { entry, slot, ran: await ran, killed: false };
        await Promise.race([ran, sleep(kill.afterMs)]);
        const killed = !ended;
        if (killed) running.kill();
        return { entry, slot, ran: await ran, killed };
      }),
    );
    const changes = this.#stage.takeChanges();
    return ends.map((each) => ({
      ...each,
      span: spanOf(changes.filter(({ slot }) => slot === each.slot)),
    }));
  }

  #judge({ entry, ran, killed, span }: Finished, all: readonly Finished[], problems: string[]): Outcome {
    const { operation, machine } = entry;
    const error = ran.code === 0 || killed ? undefined : errorOf(ran);
    const outcome = { operation, machine, code: ran.code, seconds: ran.seconds, span, error: error?.code };
    if (killed) return { ...outcome, verdict: "killed" };
    if (ran.code === 0) return { ...outcome, verdict: "worked" };
    const refused = ran.code === 4 && error?.code === "E_LOCKED";
    if (refused) {
      const others = all.filter((each) => each.entry !== entry);
      const holder =
        /^The stack (\w+) is locked: datalab ([a-z ]+).* of \S+@(\S+) \(pid \d+\) holds the lock since (\S+)\.$/;
      const [, stack, command, host, since = ""] = holder.exec(error.message) ?? [];
      const isNamed = others.some(
        (each) =>
          command?.startsWith(commandOf[each.entry.operation]) &&
          host === this.#stage.machine(each.entry.machine).host,
      );
      if (stack !== this.#stage.target || !isNamed || Number.isNaN(Date.parse(since)))
        problems.push(`${operation} was refused in other words: ${error.message}`);
      if (span) problems.push(`${operation} was refused and changed ${span.count} things`);
      return { ...outcome, verdict: "refused" };
    }
    if (error && absences[operation]?.includes(error.code)) return { ...outcome, verdict: "absent" };
    problems.push(`${operation} ended with ${ran.code}: ${error?.code} ${error?.message}\n${ran.stderr}`);
    return { ...outcome, verdict: "absent" };
  }

  /** Applies what has worked, in its order, to what is known; brings to its end what was killed. */
  async #settle(
    finished: readonly Finished[],
    outcomes: readonly Outcome[],
    backup: string,
    problems: string[],
  ): Promise<void> {
    const order = finished
      .map((each, i) => ({ ...each, verdict: outcomes[i]?.verdict as Verdict }))
      .filter(({ verdict }) => verdict === "worked" || verdict === "killed")
      .toSorted((a, b) => (a.span?.from ?? 0) - (b.span?.from ?? 0));
    let half = false;
    for (const { entry, ran, verdict } of order) {
      const { operation, machine } = entry;
      if (verdict === "killed") this.#killedOn.add(machine);
      else this.#killedOn.delete(machine);
      if (verdict === "killed") {
        half ||= operation === "restore";
        continue;
      }
      const said = JSON.parse(ran.stdout) as { id: string; before: string | null; removed: string[] };
      const saved = (id: string) => (half ? this.data.savedHalfWay(id) : this.data.saved(id));
      if (operation === "backup") saved(said.id);
      if (operation === "prune") for (const id of said.removed) this.data.removed(id);
      if (operation === "up" || operation === "promote") this.#deployedBy = machine;
      if (operation !== "restore") continue;
      if (said.before) saved(said.before);
      this.data.restored(backup);
      half = false;
    }
    const killed = order.find(({ verdict }) => verdict === "killed");
    if (killed) await this.#recover(killed, backup, half, problems);
    else this.#share();
  }

  /** The next command goes on by itself, as soon as the lock of the dead one is taken for that. */
  async #recover({ entry }: Finished, backup: string, half: boolean, problems: string[]): Promise<void> {
    const { target } = this.#stage;
    // What was killed may have saved what was there.
    for (const id of await backupIds(this.#stage)) if (!this.data.isKnown(id)) this.data.savedHalfWay(id);
    const again = async (machine: number, ...args: string[]) => {
      let ran: Ran | undefined;
      await eventually(`${args[0]} after a kill`, 180, async () => {
        ran = await this.#stage.run(machine, ...args);
        return ran.code !== 4;
      }).catch((error: Error) => problems.push(error.message));
      if (ran?.code !== 0)
        problems.push(`after a kill ${args.join(" ")} ended with ${ran?.code}: ${ran?.stderr}`);
      return ran as Ran;
    };
    if (entry.operation === "promote") {
      await again(entry.machine, ...this.#words("promote", backup));
      this.#deployedBy = entry.machine;
    } else if (entry.operation !== "restore" || this.#isDown()) {
      await again(this.#deployedBy, "up", "--stack", target);
    }
    this.#share();
    if (!half) return;
    const ran = await again(0, ...this.#words("restore", backup));
    if (ran.code !== 0) return;
    const { before } = JSON.parse(ran.stdout) as { before: string | null };
    if (before) this.data.savedHalfWay(before);
    this.data.restored(backup);
  }

  #share(): void {
    this.#stage.share(this.#deployedBy);
  }

  async #bringUp(problems: string[]): Promise<void> {
    const ran = await this.#stage.run(this.#deployedBy, "up", "--stack", this.#stage.target);
    if (ran.code !== 0) problems.push(`up between rounds ended with ${ran.code}: ${ran.stderr}`);
  }

  async #look(thorough: boolean, problems: string[]): Promise<void> {
    problems.push(...(await leftovers(this.#stage, this.#killedOn)));
    const ids = await backupIds(this.#stage);
    const strange = ids.filter((id) => !this.data.isKnown(id));
    problems.push(...strange.map((id) => `nobody has made the backup ${id}`));
    if (thorough && this.#isDown()) await this.#bringUp(problems);
    if (!this.#isDown()) problems.push(...(await this.data.problems()));
    if (!thorough) return;
    const on = ["--stack", this.#stage.target];
    const pruned = await this.#stage.run(1, "backup", "prune", "--keep", "6", "--yes", ...on, "--json");
    if (pruned.code !== 0) problems.push(`prune ended with ${pruned.code}: ${pruned.stderr}`);
    else for (const id of (JSON.parse(pruned.stdout) as { removed: string[] }).removed) this.data.removed(id);
    problems.push(...(await orphans(this.#stage)).map((path) => `${path} is of no backup`));
    const [preview, verify] = await Promise.all([
      this.#stage.run(this.#deployedBy, "preview", "--refresh", "--expect-no-changes", ...on),
      this.#stage.run(1, "backup", "verify", ...on),
    ]);
    if (preview.code !== 0) problems.push(`preview: ${preview.stdout}${preview.stderr}`);
    if (verify.code !== 0) problems.push(`verify: ${verify.stdout}${verify.stderr}`);
  }
}

/** As a lock's holder has it. */
const commandOf: Readonly<Record<Operation, string>> = {
  up: "up",
  down: "down",
  restore: "backup restore",
  backup: "backup create",
  prune: "backup prune",
  promote: "promote",
};

const told = ({ entry, span }: Finished): string =>
  `${entry.operation} (${span?.count} changes, ${new Date(span?.from ?? 0).toISOString()} to ${new Date(span?.to ?? 0).toISOString()})`;

function errorOf({ stdout }: Ran): { readonly code: string; readonly message: string } | undefined {
  try {
    return (JSON.parse(stdout) as { error: { code: string; message: string } }).error;
  } catch {
    return undefined;
  }
}
