import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { onlyInAll } from "../support/tier.ts";
import { dockerProxyTests } from "./chapters/agent-door.ts";
import { AgentStage, docker, label, network, prefix, urls } from "./support/agent-stage.ts";
import { eventually } from "./support/eventually.ts";

const stage = new AgentStage();
const numbered = (count: number) => Array.from({ length: count }, (_, i) => `line ${i + 1}`);
const arrives = async (workload: string, count: number, seconds = 30) => {
  await eventually(`${count} lines of ${workload}`, seconds, async () => {
    const [row] = await stage.query<{ n: string }>(`{workload="${workload}"} | stats count_uniq(_time) n`);
    return Number(row?.n) >= count;
  });
  // What comes twice comes late: the store shows new lines within a second.
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  return stage.lines(workload);
};

beforeAll(async () => {
  stage.open();
  stage.start("early", "echo out; sleep 0.2; echo err >&2; exit 3");
  stage.startStore();
  stage.startAgent();
  await eventually("the agent answers", 20, async () => (await fetch(`${urls.agent}/livez`)).ok);
});
afterAll(() => stage.clean());

const logs = () => {
  test("of a container that had ended before are there, with what says where they come from", async () => {
    expect(await arrives("early", 2)).toEqual(["out", "err"]);
    const [line] = await stage.query('{workload="early"} "err" | limit 1');
    expect(line).toMatchObject({
      service: "early",
      container: `${prefix}early`,
      stream: "stderr",
      level: "info",
    });
  });

  test("of 10,000 lines arrive once each, in their order", async () => {
    stage.start("many", "for i in $(seq 1 10000); do echo line $i; done");
    expect(await arrives("many", 10_000)).toEqual(numbered(10_000));
  });

  test("stay when their container is removed and replaced", async () => {
    stage.start("replaced", "echo first");
    await arrives("replaced", 1);
    docker("rm", "--force", `${prefix}replaced`);
    stage.start("replaced", "echo second");
    expect(await arrives("replaced", 2)).toEqual(["first", "second"]);
  });

  test("of a container that restarts go on where they ended", async () => {
    stage.start("again", "echo begins; sleep 600");
    await arrives("again", 1);
    docker("restart", "--time", "0", `${prefix}again`);
    expect(await arrives("again", 2)).toEqual(["begins", "begins"]);
  });

  test("longer than 64 KiB are cut, and long ones that are shorter are whole", async () => {
    stage.start(
      "long",
      `head -c 40000 /dev/zero | tr '\\0' a; echo; head -c 200000 /dev/zero | tr '\\0' b; echo; echo end`,
    );
    const [whole, cut, end] = await arrives("long", 3);
    expect(whole).toBe("a".repeat(40_000));
    expect(cut).toBe(`${"b".repeat(65_536)} ... [cut by the agent: longer than 64 KiB]`);
    expect(end).toBe("end");
  });

  test("written while the agent and the store are killed arrive once each, in their order", async () => {
    // Some lines at once, then a steady stream for about 14 s: the store loses what it had only in memory.
    const burst = "for i in $(seq 1 4000); do echo line $i; done";
    stage.start(
      "through",
      `${burst}; for i in $(seq 4001 10000); do echo line $i; [ $((i % 50)) = 0 ] && sleep 0.1; done`,
    );
    const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
    await pause(1_500);
    docker("kill", `${prefix}logs`);
    await pause(1_000);
    docker("start", `${prefix}logs`);
    await pause(2_000);
    docker("kill", `${prefix}agent`);
    await pause(1_000);
    docker("start", `${prefix}agent`);
    await pause(2_000);
    docker("kill", `${prefix}logs`, `${prefix}agent`);
    docker("start", `${prefix}agent`);
    await pause(1_000);
    docker("start", `${prefix}logs`);
    const lines = await arrives("through", 10_000, 60);
    expect({ lines: lines.length, different: new Set(lines).size }).toEqual({
      lines: 10_000,
      different: 10_000,
    });
    expect(lines).toEqual(numbered(10_000));
  });

  test("are checked from end to end", async () => {
    const answer = await fetch(`${urls.agent}/roundtrip`);
    expect([answer.status, await answer.text()]).toEqual([
      200,
      expect.stringMatching(/^it took \d+\.\d s\n$/),
    ]);
  });
};

const metrics = () => {
  const value = async (name: string, workload: string) => {
    const text = await (await fetch(`${urls.agent}/metrics`)).text();
    const line = text
      .split("\n")
      .find((l) => l.startsWith(`datalab_container_${name}{`) && l.includes(`"${workload}"`));
    return line === undefined ? undefined : Number(line.split(" ").at(-1));
  };

  test("hold what a container uses, and how one ended", async () => {
    docker(
      ...[
        "run",
        "--detach",
        "--name",
        `${prefix}busy`,
        ...label("busy"),
        "--network",
        network,
        "--memory",
        "32m",
      ],
      ...["--tmpfs", "/tmp", docker("inspect", "--format", "{{.Config.Image}}", `${prefix}many`)],
      ...["bash", "-c", "head -c 8000000 /dev/zero > /tmp/x; while :; do :; done"],
    );
    await eventually("its CPU time", 20, async () => ((await value("cpu_seconds_total", "busy")) ?? 0) > 0.5);
    expect(await value("memory_limit_bytes", "busy")).toBe(32 * 2 ** 20);
    expect(await value("memory_bytes", "busy")).toBeGreaterThan(8_000_000);
    expect(await value("running", "busy")).toBe(1);
    docker("rm", "--force", `${prefix}busy`);
    expect(await value("exit_code", "early")).toBe(3);
    expect(await value("running", "early")).toBe(0);
    await eventually("it is forgotten", 5, async () => (await value("running", "busy")) === undefined);
  });

  test("count what ran out of memory", async () => {
    docker(
      ...[
        "run",
        "--detach",
        "--name",
        `${prefix}hungry`,
        ...label("hungry"),
        "--memory",
        "16m",
        "--memory-swap",
        "16m",
      ],
      ...[docker("inspect", "--format", "{{.Config.Image}}", `${prefix}many`)],
      ...["bash", "-c", "x=$(head -c 200000000 /dev/zero | tr '\\0' x); sleep 60"],
    );
    await eventually("an OOM kill", 20, async () => ((await value("oom_events_total", "hungry")) ?? 0) >= 1);
  });

  test("are cheap, and the agent is small", async () => {
    const rss = Number(
      /^process_resident_memory_bytes (\d+)/m.exec(await (await fetch(`${urls.agent}/metrics`)).text())?.[1],
    );
    expect(rss).toBeLessThan(110 * 2 ** 20);
  });
};

// In the default tier the whole platform's logs and metrics stand for these.
onlyInAll(() => {
  describe("logs", logs);
  describe("metrics", metrics);
});
describe("the door to Docker", () => dockerProxyTests());
