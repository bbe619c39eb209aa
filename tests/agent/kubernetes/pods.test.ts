import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ClusterStage, until } from "../support/cluster-stage.ts";
import { type FakeCluster, namespace } from "../support/fake-cluster.ts";

let stage: ClusterStage;
let cluster: FakeCluster;

beforeEach(async () => {
  stage = new ClusterStage();
  cluster = stage.cluster;
  await stage.open();
});
afterEach(() => stage.close());

describe("the pods of a stack", () => {
  test("are listed in pages, then watched", async () => {
    // GIVEN more pods than a page holds, one of which is no workload's
    for (const name of ["a-1", "b-1", "c-1"]) cluster.runs(name, cluster.run(name, name));
    cluster.put("stranger", { phase: "Running" }, "uid", { "datalab.workload": "" });
    // WHEN the agent starts, and another pod comes and one goes
    const agent = await stage.start();
    await until(() => expect(cluster.asked.filter((path) => path.includes("watch=true"))).toHaveLength(1));
    cluster.runs("d-1", cluster.run("d-1", "d-1"));
    cluster.delete("b-1");
    // THEN it knows them, and says that it follows
    await until(async () => expect(await stage.running(agent)).toEqual(["a-1", "c-1", "d-1"]));
    expect(await stage.ask(agent, "/livez")).toBe('{"ok":true}');
    const lists = cluster.asked.filter((path) => /pods\?labelSelector=[^&]+&limit=100/.test(path));
    expect(lists.map((path) => /continue=(\d+)/.exec(path)?.[1])).toEqual([undefined, "2"]);
  });

  test.each(["ends", "breaks"] as const)("are watched on from where the watch %s", async (how) => {
    cluster.runs("a-1", cluster.run("a-1", "a"));
    const agent = await stage.start();
    await until(() => expect(cluster.asked.some((path) => path.includes("watch=true"))).toBe(true));
    cluster.bookmark();
    await new Promise((resolve) => setTimeout(resolve, 100));
    cluster.cutWatches(how);
    cluster.runs("b-1", cluster.run("b-1", "b"));
    await until(async () => expect(await stage.running(agent)).toEqual(["a-1", "b-1"]));
    expect(cluster.asked.filter((path) => path.includes("limit="))).toHaveLength(1);
    expect(cluster.asked.filter((path) => path.includes("watch=true")).at(-1)).toContain(
      "resourceVersion=102",
    );
  });

  test("are listed anew when the version that was reached is too old", async () => {
    // GIVEN a watch that expires while a pod goes and another comes
    for (const name of ["a-1", "b-1"]) cluster.runs(name, cluster.run(name, name));
    const agent = await stage.start();
    await until(() => expect(cluster.asked.some((path) => path.includes("watch=true"))).toBe(true));
    cluster.cutWatches("expired");
    cluster.delete("a-1");
    cluster.runs("c-1", cluster.run("c-1", "c"));
    cluster.compact();
    // THEN what is there now is known
    await until(async () => expect(await stage.running(agent)).toEqual(["b-1", "c-1"]));
    // WHEN the answer itself is 410
    cluster.cutWatches("breaks");
    cluster.delete("b-1");
    cluster.compact();
    await until(async () => expect(await stage.running(agent)).toEqual(["c-1"]));
  });

  test("are asked for with the token that is in the file now", async () => {
    cluster.runs("a-1", cluster.run("a-1", "a"));
    const agent = await stage.start();
    await until(async () => expect(await stage.running(agent)).toEqual(["a-1"]));
    // Pods are listed before they are watched: only then there is a watch to end. One that breaks would be
    // the trouble that is told, not the token.
    await until(() => expect(cluster.asked.some((path) => path.includes("watch=true"))).toBe(true));
    cluster.token = "second";
    cluster.cutWatches("ends");
    await until(() =>
      expect(stage.said).toContain(
        `pods of the stack can't be watched: GET /api/v1/namespaces/${namespace}/pods answered 401: Unauthorized`,
      ),
    );
    expect(await stage.ask(agent, "/livez")).toBe('{"ok":false}');
    stage.setToken("second");
    await until(() => expect(stage.said).toContain("Kubernetes answers again"));
    expect(await stage.ask(agent, "/livez")).toBe('{"ok":true}');
  });
});

describe("metrics of pods", () => {
  const usage = (timestamp: string, cpu: string) => [
    {
      metadata: { name: "web-1" },
      timestamp,
      window: "10s",
      containers: [{ name: "main", usage: { cpu, memory: "20480Ki" } }],
    },
  ];

  test("carry the names and labels that they have on Docker", async () => {
    cluster.metrics = usage("2026-01-31T12:00:10Z", "500m");
    const instance = cluster.run("web-1", "a");
    cluster.runs("web-1", instance, 3);
    const agent = await stage.start();
    await until(async () => expect(await stage.running(agent)).toEqual(["web-1"]));
    const labels = '{service="svc",workload="web",container="web-1"}';
    await until(async () => expect(await stage.ask(agent, "/metrics")).toContain("_cpu_seconds_total{"));
    const text = (await stage.ask(agent, "/metrics"))
      .split("\n")
      .filter((line) => line.includes(labels.slice(1, -1)));
    expect(text.filter((line) => !line.startsWith("datalab_container_state"))).toEqual([
      `datalab_container_cpu_seconds_total${labels} 5`,
      `datalab_container_memory_bytes${labels} ${20 * 2 ** 20}`,
      `datalab_container_memory_limit_bytes${labels} ${64 * 2 ** 20}`,
      `datalab_container_running${labels} 1`,
      `datalab_container_restarts_total${labels} 3`,
      `datalab_container_oom_events_total${labels} 0`,
      `datalab_container_start_time_seconds${labels} ${Date.parse("2026-01-31T12:00:00Z") / 1_000}`,
    ]);
    expect(text.filter((line) => line.endsWith(" 1") && line.includes("state="))).toEqual([
      `datalab_container_state${labels.slice(0, -1)},state="running"} 1`,
    ]);
    expect(await stage.metrics(agent, "datalab_agent_usage_measured")).toEqual([
      "datalab_agent_usage_measured 1",
    ]);
  });

  test("are missing without the metrics API, which is said once, and the rest is there", async () => {
    cluster.runs("web-1", cluster.run("web-1", "a"));
    const agent = await stage.start();
    await until(async () => expect(await stage.running(agent)).toEqual(["web-1"]));
    expect(await stage.metrics(agent, "datalab_container_cpu_seconds_total")).toEqual([]);
    expect(await stage.metrics(agent, "datalab_agent_usage_measured")).toEqual([
      "datalab_agent_usage_measured 0",
    ]);
    expect(stage.said.filter((line) => line.startsWith("CPU and memory"))).toEqual([
      `CPU and memory of containers are not measured: GET /apis/metrics.k8s.io/v1beta1/namespaces/${namespace}/pods answered 404: 404 page not found. They come from the metrics API, which metrics-server provides; everything else works without it`,
    ]);
  });
});
