import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { onlyOne, theCluster } from "../support/only-one.ts";
import { AgentPods } from "./support/agent-pods.ts";
import { noCluster } from "./support/cluster.ts";

const missing = noCluster();
if (missing) process.stderr.write(`SKIPPED: the agent on Kubernetes is not tested: ${missing}\n`);

const pods = new AgentPods();
const numbered = (count: number, word = "line") =>
  Array.from({ length: count }, (_, i) => `${word} ${i + 1}`);
const pause = (seconds: number) => new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
const arrives = async (container: string, count: number, seconds = 60) => {
  await eventually(`${count} lines of ${container}`, seconds, () => pods.lines(container).length >= count);
  // What comes twice comes late: the store shows new lines within a second.
  await pause(3);
  return pods.lines(container);
};

describe.skipIf(missing)("the agent on Kubernetes", () => {
  let letGo = () => {};
  beforeAll(async () => {
    letGo = await onlyOne(theCluster);
    pods.open();
    pods.start("early", "echo out; exit 3");
    pods.startStore();
    pods.startAgent();
    await eventually("the agent follows", 90, () => pods.agent("/livez") === '{"ok":true}');
  });
  afterAll(() => {
    pods.close();
    letGo();
  });

  describe("logs", () => {
    test("of a pod that had ended before are there, with what says where they come from", async () => {
      expect(await arrives("early-0", 1)).toEqual(["out"]);
      expect(pods.query('{container="early-0"}')).toMatchObject([
        { service: "early", workload: "early", container: "early-0", stream: "stdout", level: "info" },
      ]);
    });

    test("of 10,000 lines arrive once each, in their order, after the pod has been deleted", async () => {
      pods.start("many", "for i in $(seq 1 10000); do echo line $i; done; sleep 600");
      await eventually("it runs", 60, () => pods.metric("running", "many-0") === 1);
      pods.delete("many", "--wait=false");
      expect(await arrives("many-0", 10_000)).toEqual(numbered(10_000));
    });

    test("hold the last words of a pod that is deleted", async () => {
      pods.start("words", "trap 'echo good; echo bye; exit 0' TERM; echo hello; sleep 600 & wait");
      await arrives("words-0", 1);
      pods.delete("words");
      expect(await arrives("words-0", 3)).toEqual(["hello", "good", "bye"]);
    });

    test("of a container that starts again and again are all there", async () => {
      // The second start comes at once: what the first has written last may not be read yet.
      const script = `n=$(cat /data/n 2>/dev/null || echo 0); n=$((n + 1)); echo $n > /data/n
        for i in $(seq 1 3000); do echo run $n line $i; done; [ $n -ge 3 ] && sleep 600; exit 1`;
      pods.start("again", script, { restartPolicy: "Always" });
      const wanted = [1, 2, 3].flatMap((n) => numbered(3_000, `run ${n} line`));
      expect(await arrives("again-0", 9_000, 120)).toEqual(wanted);
      expect(pods.metric("restarts_total", "again-0")).toBe(2);
    });

    test("of all containers of a pod are told apart", async () => {
      pods.start("several", "echo main; sleep 600", {
        prepare: { prepare: "echo prepared" },
        beside: { beside: "echo beside; sleep 600" },
      });
      expect(await arrives("several-0", 1)).toEqual(["main"]);
      expect(await arrives("several-0/beside", 1)).toEqual(["beside"]);
      expect(await arrives("several-0/prepare", 1)).toEqual(["prepared"]);
    });

    test("hold long lines whole, cut those over 64 KiB, and keep one without an end", async () => {
      const long = "head -c 40000 /dev/zero | tr '\\0' a; echo; head -c 200000 /dev/zero | tr '\\0' b; echo";
      pods.start("long", `${long}; printf end; sleep 2`);
      const [whole, cut, end] = await arrives("long-0", 3);
      expect(whole).toBe("a".repeat(40_000));
      expect(cut).toBe(`${"b".repeat(65_536)} ... [cut by the agent: longer than 64 KiB]`);
      expect(end).toBe("end");
    });

    test("go on when the kubelet begins a new file because one is full", async () => {
      // 12 MB three times; the kubelet looks every ten seconds whether a file has more than 10 MiB.
      const burst = `seq -f "line %07g of a log that fills its file, with words enough to make it a usual line" $from $((from + 129999))`;
      pods.start("full", `for from in 1 130001 260001; do ${burst}; sleep 14; done; echo the end; sleep 600`);
      await eventually("the end", 180, () => pods.query('{container="full-0"} "the end"').length === 1);
      await pause(3);
      const counts = '{container="full-0"} | stats count() n, count_uniq(_msg) different';
      expect(pods.query(counts)).toEqual([{ n: "390001", different: "390001" }]);
    });

    test("written while the agent and the store are killed arrive once each, in their order", async () => {
      const burst = "for i in $(seq 1 4000); do echo line $i; done";
      pods.start(
        "through",
        `${burst}; for i in $(seq 4001 10000); do echo line $i; [ $((i % 50)) = 0 ] && sleep 0.2; done; sleep 600`,
      );
      await eventually("it runs", 60, () => pods.metric("running", "through-0") === 1);
      await pause(2);
      pods.kill("logs", "victoria-logs");
      await eventually("the store again", 60, () => pods.restarts("logs") === 1);
      await pause(2);
      pods.kill("agent", "node");
      await eventually("the agent again", 60, () => pods.restarts("agent") === 1);
      await pause(4);
      pods.kill("agent", "node");
      pods.kill("logs", "victoria-logs");
      const lines = await eventually("all lines", 180, () => pods.lines("through-0").length >= 10_000).then(
        () => arrives("through-0", 10_000),
      );
      expect({ lines: lines.length, different: new Set(lines).size }).toEqual({
        lines: 10_000,
        different: 10_000,
      });
      expect(lines).toEqual(numbered(10_000));
    });

    test("are checked from end to end", () => {
      expect(pods.agent("/roundtrip")).toMatch(/^it took \d+\.\d s$/);
    });
  });

  describe("metrics", () => {
    test("tell how a container ended, and that another ran out of memory", async () => {
      expect(pods.metric("exit_code", "early-0")).toBe(3);
      expect(pods.metric("running", "early-0")).toBe(0);
      const script = "x=$(head -c 200000000 /dev/zero | tr '\\0' x); sleep 600";
      pods.start("hungry", `exec bash -c '${script.replaceAll("'", "'\\''")}'`, { memory: "24Mi" });
      await eventually("an OOM kill", 60, () => pods.metric("oom_events_total", "hungry-0") === 1);
    });

    test("hold processor and memory where the cluster has a metrics API, and say so where not", async () => {
      const measured = () => /^datalab_agent_usage_measured (\d)$/m.exec(pods.agent("/metrics"))?.[1];
      if (measured() === "0") {
        expect(pods.exec("agent", "true")).toBe("");
        expect(pods.metric("memory_bytes", "agent-0")).toBeUndefined();
        return;
      }
      await eventually("a measurement", 90, () => (pods.metric("memory_bytes", "agent-0") ?? 0) > 2 ** 20);
      expect(pods.metric("memory_limit_bytes", "agent-0")).toBe(128 * 2 ** 20);
      await eventually("CPU time", 90, () => (pods.metric("cpu_seconds_total", "agent-0") ?? 0) > 0);
    });

    test("are cheap, and the agent is small", () => {
      const rss = Number(/^process_resident_memory_bytes (\d+)/m.exec(pods.agent("/metrics"))?.[1]);
      expect(rss).toBeLessThan(110 * 2 ** 20);
    });
  });
});
