import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { failedOneShots, stopOneShots, watchFailures } from "../../../src/ops/docker/watch.ts";
import { standIn } from "../../support/programs.ts";

type View = Parameters<typeof watchFailures>[1];

/** A Docker whose events a test writes to a file, and whose logs are what `logs` says. */
function eventfulDocker(): string {
  const folder = standIn(
    "docker",
    `if (args[0] === "logs") {
  for (let i = 1; i <= 30; i++) console.log("line " + i);
  process.exit(0);
}
let seen = 0;
setInterval(() => {
  const text = existsSync(folder + "/events") ? readFileSync(folder + "/events", "utf8") : "";
  process.stdout.write(text.slice(seen));
  seen = text.length;
}, 10);`,
  );
  writeFileSync(join(folder, "events"), "");
  return folder;
}

const happens = (folder: string, Action: string, id: string, attributes: Record<string, string> = {}) =>
  appendFileSync(
    join(folder, "events"),
    `${JSON.stringify({
      Action,
      Actor: {
        ID: id,
        Attributes: {
          name: `datalab-dev-${id}`,
          "datalab.workload": id,
          exitCode: "1",
          ...attributes,
        },
      },
    })}\n`,
  );

const deployed: View = { isHealthy: () => false, isDeployed: () => true };

/** What the watch has found after a while of real time; undefined: nothing. */
async function within<T>(ms: number, found: Promise<T>): Promise<T | "still watching"> {
  return Promise.race([
    found,
    new Promise<"still watching">((done) => setTimeout(done, ms, "still watching")),
  ]);
}

describe("the watch on a stack's containers", () => {
  const abort = { now: new AbortController() };
  beforeEach(() => {
    abort.now = new AbortController();
  });
  afterEach(() => abort.now.abort());

  test("reports what dies twice, with its last twenty lines", async () => {
    const docker = eventfulDocker();
    const watching = watchFailures("dev", deployed, abort.now.signal);
    happens(docker, "create", "postgres");
    happens(docker, "die", "postgres");
    expect(await within(300, watching)).toBe("still watching");
    happens(docker, "die", "postgres", { exitCode: "3" });
    expect(await within(5000, watching)).toEqual({
      workload: "postgres",
      instance: "datalab-dev-postgres",
      more: "docker logs datalab-dev-postgres",
      exitCode: 3,
      log: Array.from({ length: 20 }, (_, i) => `line ${i + 11}`).join("\n"),
    });
  });

  test("lets one-shots end, and what is no workload", async () => {
    const docker = eventfulDocker();
    const watching = watchFailures("dev", deployed, abort.now.signal);
    for (const _ of [1, 2, 3]) {
      happens(docker, "die", "prefect-register", { "datalab.oneshot": "true" });
      appendFileSync(
        join(docker, "events"),
        `${JSON.stringify({ Action: "die", Actor: { ID: "x", Attributes: { name: "x" } } })}\n`,
      );
    }
    expect(await within(500, watching)).toBe("still watching");
  });

  test("lets die what Docker itself has stopped", async () => {
    const docker = eventfulDocker();
    const watching = watchFailures("dev", deployed, abort.now.signal);
    happens(docker, "create", "prefect");
    happens(docker, "kill", "prefect");
    happens(docker, "die", "prefect");
    happens(docker, "die", "prefect");
    expect(await within(500, watching)).toBe("still watching");
  });

  test("ends with nothing when it is no longer wanted", async () => {
    eventfulDocker();
    const watching = watchFailures("dev", deployed, abort.now.signal);
    abort.now.abort();
    expect(await within(5000, watching)).toBeUndefined();
  });

  test.each([
    [false, "postgres"],
    [true, undefined],
  ])("judges a single death after its time of grace: healthy again is %s", async (healthy, workload) => {
    const docker = eventfulDocker();
    const timeouts = vi.spyOn(globalThis, "setTimeout");
    const view: View = { isHealthy: () => healthy, isDeployed: () => true };
    const watching = watchFailures("dev", view, abort.now.signal);
    happens(docker, "create", "postgres");
    happens(docker, "die", "postgres");
    const grace = await vi.waitFor(() => {
      const call = timeouts.mock.calls.find(([, ms]) => ms === 12_000);
      if (!call) throw new Error("no time of grace yet");
      return call[0] as () => void;
    }, 15_000);
    timeouts.mockRestore();
    grace();
    const found = await within(workload === undefined ? 500 : 10_000, watching);
    expect(found === "still watching" ? undefined : found?.workload).toBe(workload);
  });
});

describe("one-shots", () => {
  const labels = (workload: string) => `datalab.oneshot=true,datalab.stack=dev,datalab.workload=${workload}`;
  const listed = (name: string, State: string) => ({
    Names: `datalab-dev-${name}`,
    State,
    Labels: labels(name),
  });
  const state = (Status: string, ExitCode: number) => ({ State: { Status, ExitCode } });

  /** A Docker with these one-shots, listed and inspected in the same order. */
  const docker = (ps: readonly unknown[], inspected: readonly unknown[] = []) =>
    standIn(
      "docker",
      `if (args[0] === "ps") console.log(${JSON.stringify(ps.map((p) => JSON.stringify(p)).join("\n"))});
if (args[0] === "inspect") console.log(${JSON.stringify(JSON.stringify(inspected))});`,
    );

  test("that failed or never ran are those to replace", async () => {
    docker(
      [listed("a", "exited"), listed("b", "exited"), listed("c", "created"), listed("d", "running")],
      [state("exited", 0), state("exited", 2), state("created", 0), state("running", 0)],
    );
    expect(await failedOneShots("dev")).toEqual([{ workload: "b" }, { workload: "c" }, { workload: "d" }]);
  });

  test("that do not exist are not to replace", async () => {
    docker([]);
    expect(await failedOneShots("dev")).toEqual([]);
  });

  test("that run are killed, others are left", async () => {
    const { readFileSync } = await import("node:fs");
    const folder = docker([listed("a", "exited"), listed("b", "running")]);
    await stopOneShots("dev");
    const calls = readFileSync(join(folder, "calls"), "utf8")
      .trim()
      .split("\n")
      .map((l) => JSON.parse(l));
    expect(calls[1]).toEqual(["kill", "datalab-dev-b"]);
    expect(calls[0]).toEqual(
      expect.arrayContaining(["label=datalab.stack=dev", "label=datalab.oneshot=true"]),
    );
  });
});
