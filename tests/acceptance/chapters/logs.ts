import { afterAll, describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import type { Stage } from "../support/stage.ts";

interface LogLine {
  readonly at: string;
  readonly service: string;
  readonly workload: string;
  readonly stream: string;
  readonly level: string;
  readonly line: string;
}

/** The central logs, read as people read them. */
export function centralLogs(stage: Stage): void {
  const logs = async (
    ...args: string[]
  ): Promise<{ code: number | null; stderr: string; lines: LogLine[] }> => {
    const { code, stdout, stderr } = await stage.project.datalab("services", "logs", ...args, "--json");
    const lines =
      code === 0
        ? stdout
            .split("\n")
            .filter(Boolean)
            .map((line) => JSON.parse(line))
        : [];
    return { code, stderr, lines };
  };
  /** Runs a script in a container of the stack that is removed again. */
  const guest = (workload: string, script: string) => {
    const { project } = stage;
    const image = project.docker("inspect", "--format", "{{.Config.Image}}", stage.container("core")).trim();
    const labels = ["stack", "service", "workload"].map(
      (key) => `datalab.${key}=${key === "stack" ? project.stack : workload}`,
    );
    project.docker(
      "run",
      "--name",
      stage.container(workload),
      ...labels.flatMap((l) => ["--label", l]),
      image,
      "bash",
      "-c",
      script,
    );
  };

  describe("central logs", () => {
    afterAll(() => {
      // Whatever a failed test has left.
      stage.project.docker("start", stage.container("logs"));
    });

    test("hold lines of every service that says something, in the order of time", async () => {
      const { code, stderr, lines } = await logs("--since", "1h");
      expect([code, stderr]).toEqual([0, ""]);
      const services = new Set(lines.map(({ service }) => service));
      for (const name of ["postgres", "prefect", "core", "gateway", "agent", "logs"])
        expect(services).toContain(name);
      expect(lines.map(({ at }) => at)).toEqual(lines.map(({ at }) => at).sort());
    });

    test("hold each of 10,000 lines once, after their container has been removed", async () => {
      guest(
        "guest",
        "for i in $(seq 1 10000); do echo line $i; done; echo 'ERROR: the last one' >&2; sleep 3",
      );
      stage.project.docker("rm", stage.container("guest"));
      await eventually(
        "all lines",
        30,
        async () => (await logs("guest", "--since", "10m")).lines.length >= 10_001,
      );
      const { lines } = await logs("guest", "--since", "10m");
      expect(lines.filter(({ stream }) => stream === "stdout").map(({ line }) => line)).toEqual(
        Array.from({ length: 10_000 }, (_, i) => `line ${i + 1}`),
      );
      expect((await logs("guest", "--level", "error")).lines).toMatchObject([
        {
          service: "guest",
          workload: "guest",
          stream: "stderr",
          level: "error",
          line: "ERROR: the last one",
        },
      ]);
      const few = (await logs("guest", "--grep", "^line 9{3,4}$")).lines.map(({ line }) => line);
      expect(few).toEqual(["line 999", "line 9999"]);
      expect((await logs("guest", "-n", "3")).lines.map(({ line }) => line)).toHaveLength(3);
    });

    test.each([
      [["gest"], /no service or workload "gest"\.[\s\S]*Did you mean guest\?/],
      [["--grep", "a(b"], /--grep: expected a regular expression/],
      [["--grep", "(?=x)"], /--grep: the log store can't use this/],
      [["--since", "soon"], /--since: expected a duration such as 15m/],
      [["--level", "eror"], /Did you mean error\?/],
    ])("refuse %j with exit code 2 and the reason", async (args, reason) => {
      const { code, stderr } = await logs(...args);
      expect(code).toBe(2);
      expect(stderr).toMatch(reason);
    });

    test("are the containers' own, and one line says so, while the store is down", async () => {
      stage.project.docker("stop", stage.container("logs"));
      const { code, stderr, lines } = await logs("core", "-n", "2");
      stage.project.docker("start", stage.container("logs"));
      expect(code).toBe(0);
      expect(stderr.trim().split("\n")).toEqual([
        expect.stringMatching(
          /^! The log store at http:\/\/127\.0\.0\.1:\d+ can't be read \(.+\)\. Showing the logs of the existing containers\.$/,
        ),
      ]);
      expect(lines).toHaveLength(2);
      expect(new Set(lines.map(({ workload }) => workload))).toEqual(new Set(["core"]));
    });

    test("have what was written meanwhile once the store is back", async () => {
      stage.project.docker("kill", stage.container("logs"));
      guest("guest2", "echo while it was down; sleep 1");
      stage.project.docker("start", stage.container("logs"));
      await eventually("the line", 60, async () => (await logs("guest2")).lines.length > 0);
      stage.project.docker("rm", stage.container("guest2"));
      expect((await logs("guest2")).lines.map(({ line }) => line)).toEqual(["while it was down"]);
    });
  });
}
