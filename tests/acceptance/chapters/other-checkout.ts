import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { labelled } from "../support/leftovers.ts";
import { Project } from "../support/project.ts";
import type { Stage } from "../support/stage.ts";

/** A stack of the same name in another checkout on this machine, as a colleague's fresh clone has it. */
export function otherCheckout(stage: Stage): void {
  describe("another checkout with a stack of the same name", () => {
    let other: Project | undefined;
    const clone = () => {
      other ??= new Project(stage.project.stack, { portOffset: 31_000 });
      return other;
    };
    afterAll(() => other?.remove());

    test.each([
      ["takes nothing down", ["down", "--yes", "--delete-data"]],
      ["does not say that it would", ["down", "--dry-run"]],
      ["changes nothing", ["up"]],
    ])("%s", async (_, command) => {
      const before = labelled(stage.project);
      const ran = await clone().datalab(...command);
      expect(ran.code, ran.stderr).toBe(2);
      expect(ran.stderr).toContain("belongs to another installation");
      expect(ran.stderr).toContain(`:${stage.project.root}`);
      expect(labelled(stage.project)).toEqual(before);
    });

    test("is locked out while this one works, by the lock beside the daemon", async () => {
      const work = stage.project.start("backup", "create");
      const lock = `datalab-${stage.project.stack}.lock`;
      await eventually("the lock is there", 60, () => {
        if (work.child.exitCode !== null) throw new Error(work.output());
        return stage.project.docker("ps", "--all", "--format", "{{.Names}}").split("\n").includes(lock);
      });
      const before = labelled(stage.project);
      const ran = await clone().datalab("platform", "adopt", "--confirm", stage.project.stack);
      expect(ran.code, ran.stderr).toBe(4);
      expect(ran.stderr).toContain("datalab backup create of ");
      expect(labelled(stage.project)).toEqual(before);
      const made = await work.ended;
      expect(made.code, made.stderr).toBe(0);
      expect(stage.project.docker("ps", "--all", "--format", "{{.Names}}").split("\n")).not.toContain(lock);
    });
  });

  describe("a master secret", () => {
    const file = () => stage.project.path(`Pulumi.${stage.project.stack}.yaml`);
    const withFile = async (
      change: (text: string) => string | Promise<string>,
      then: () => Promise<void>,
    ) => {
      const before = readFileSync(file(), "utf8");
      try {
        writeFileSync(file(), await change(before));
        await then();
      } finally {
        writeFileSync(file(), before);
      }
    };

    test("that is lost with the stack's file is not replaced without a word", async () => {
      const forgotten = (text: string) => text.replace(/ {2}datalab:masterSecret:\n {4}secure: \S+\n/, "");
      await withFile(forgotten, async () => {
        expect(readFileSync(file(), "utf8")).not.toContain("masterSecret");
        const ran = await stage.project.datalab("up");
        expect(ran.code, ran.stderr).toBe(2);
        expect(ran.stderr).toContain("has no datalab:masterSecret, but ");
        expect(readFileSync(file(), "utf8")).not.toContain("masterSecret");
      });
    });

    test("that is another one stops an update before anything is declared", async () => {
      const { stack } = stage.project;
      const replace = `printf %s 'another-master-secret-of-more-than-32-characters' | pulumi config set --secret datalab:masterSecret --stack ${stack}`;
      await withFile(
        async (text) => {
          const ran = await stage.project.shell(replace);
          expect(ran.code, ran.stderr).toBe(0);
          const changed = readFileSync(file(), "utf8");
          expect(changed).not.toBe(text);
          return changed;
        },
        async () => {
          for (const command of [["up"], ["preview"], ["secrets", "show", "prefect/admin"]]) {
            const ran = await stage.project.datalab(...command);
            expect(ran.code, ran.stderr).toBe(2);
            expect(ran.stderr).toContain("is not the one that the stack");
          }
        },
      );
      const preview = await stage.project.datalab("preview", "--expect-no-changes");
      expect(preview.code, preview.stdout + preview.stderr).toBe(0);
    });
  });
}

/** A checkout whose state is gone, such as a clone in the place of a folder that was deleted. */
export function adoption(stage: Stage): void {
  describe("a stack whose state is lost", () => {
    test("is not changed, and named", async () => {
      for (const name of ["state", "installations"]) {
        rmSync(stage.project.path(".datalab", name), { recursive: true });
      }
      for (const command of [["up"], ["down", "--yes", "--delete-data"]]) {
        const ran = await stage.project.datalab(...command);
        expect(ran.code, ran.stderr).toBe(2);
        expect(ran.stderr).toContain(`./datalab platform adopt --stack ${stage.project.stack}`);
      }
    });

    test("is adopted by its name, and comes up again with its data", async () => {
      const { stack } = stage.project;
      const refused = await stage.project.datalab("platform", "adopt", "--confirm", "another");
      expect([refused.code, refused.stdout]).toEqual([1, "Nothing was changed.\n"]);
      const before = labelled(stage.project);
      const adopted = await stage.project.datalab("platform", "adopt", "--confirm", stack);
      expect(adopted.code, adopted.stderr).toBe(0);
      const kept = labelled(stage.project);
      expect(kept.containers).toEqual([]);
      expect(kept.volumes).toEqual(before.volumes.filter((name) => !name.endsWith("-files")));
      await stage.up();
      expect((await stage.tables()).length).toBeGreaterThan(0);
      const ids = readFileSync(stage.project.path(".datalab/installations", stack), "utf8")
        .trim()
        .split("\n");
      expect(ids).toHaveLength(2);
      const label = '{{index .Config.Labels "datalab.installation"}}';
      expect(stage.project.docker("inspect", "--format", label, stage.container("core")).trim()).toBe(ids[0]);
    });
  });
}
