import { describe, expect, test } from "vitest";
import { definition, file } from "../support/fragile.ts";
import type { Stage } from "../support/stage.ts";

/** Leaves its file in the configuration: what comes next takes it away. */
export function cannotStart(stage: Stage): void {
  test("makes up end with 1 within 20 s of its death, with its last lines", async () => {
    stage.project.write(file, definition("echo the disk of fragile stands on its head; exit 3"));
    stage.project.configure((platform) => {
      platform.serviceFiles = [file];
    });
    const since = new Date().toISOString();
    const ran = await stage.project.datalab("up");
    const ended = Date.now() / 1000;
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain("fragile can't start: its process ended with exit code 3");
    expect(ran.stderr).toContain("the disk of fragile stands on its head");
    const deaths = stage.project
      .docker(
        ...["events", "--since", since, "--until", new Date().toISOString(), "--format", "{{.Time}}"],
        ...["--filter", "event=die", "--filter", `container=${stage.container("fragile")}`],
      )
      .trim()
      .split("\n")
      .map(Number);
    expect(ended - Math.min(...deaths)).toBeLessThan(20);
  });
}

export function failingService(stage: Stage): void {
  describe("a service that can't start", () => {
    cannotStart(stage);

    test("and when its file is put right, the next up goes on and succeeds", async () => {
      stage.project.write(file, definition("cd /tmp; exec python -m http.server 8099"));
      const text = await stage.up();
      expect(text).toMatch(/fragile\s+healthy/);
    });

    test("and when its file is taken away, it is gone", async () => {
      stage.project.configure((platform) => {
        delete platform.serviceFiles;
      });
      await stage.up();
      expect(stage.project.docker("ps", "--all", "--format", "{{.Names}}")).not.toContain(
        stage.container("fragile"),
      );
    });
  });
}
