import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ClusterStage, lines, stampOf, texts, until } from "../support/cluster-stage.ts";
import { type FakeCluster, namespace } from "../support/fake-cluster.ts";
import type { FakeStore } from "../support/fake-store.ts";

let stage: ClusterStage;
let cluster: FakeCluster;
let store: FakeStore;
beforeEach(async () => {
  stage = new ClusterStage();
  ({ cluster, store } = stage);
  await stage.open();
});
afterEach(() => stage.close());

describe("logs of pods", () => {
  test("say where each line comes from", async () => {
    const instance = cluster.run("web-1", "a");
    cluster.write(instance, `${stampOf(1)} ERROR: \u001b[31mred\u001b[0m`);
    cluster.runs("web-1", instance);
    await stage.start();
    await until(() => expect(store.rows).toHaveLength(1));
    expect(store.rows[0]).toEqual({
      _time: stampOf(1),
      _msg: "ERROR: red",
      service: "svc",
      workload: "web",
      container: "web-1",
      stream: "stdout",
      level: "error",
    });
  });

  test("arrive once each when connections break and the agent starts again", async () => {
    // GIVEN a pod that writes
    const instance = cluster.run("web-1", "a");
    cluster.runs("web-1", instance);
    cluster.write(instance, ...lines(1, 3_000));
    const first = await stage.start();
    await until(() => expect(store.texts("web-1")).toHaveLength(3_000));
    // WHEN its log breaks off in the middle of a line, twice, and goes on
    cluster.cutLogs();
    cluster.write(instance, ...lines(3_001, 3_500));
    await until(() => expect(store.texts("web-1")).toHaveLength(3_500));
    cluster.cutLogs();
    await stage.stop(first);
    cluster.write(instance, ...lines(3_501, 9_000));
    await stage.start();
    await until(() => expect(store.texts("web-1").length).toBeGreaterThanOrEqual(9_000));
    cluster.write(instance, ...lines(9_001, 10_000));
    await until(() => expect(store.texts("web-1").length).toBeGreaterThanOrEqual(10_000));
    // THEN each line is there once
    expect(store.texts("web-1")).toEqual(texts(1, 10_000));
  });

  test("hold what a container wrote before it started again", async () => {
    const before = cluster.run("web-1", "a");
    cluster.write(before, ...lines(1, 10));
    cluster.runs("web-1", before);
    await stage.start();
    await until(() => expect(store.texts("web-1")).toEqual(texts(1, 10)));
    // Its last lines come with its end, and it runs again before anybody has read them.
    cluster.cutLogs();
    before.lines.push(...lines(11, 20));
    before.ended = true;
    const after = cluster.run("web-1", "b");
    cluster.write(after, ...lines(21, 30));
    cluster.runs("web-1", after, 1);
    await until(() => expect(store.texts("web-1")).toEqual(texts(1, 30)));
  });

  test("hold what was written before the agent was there, by the container before as well", async () => {
    const before = cluster.run("web-1", "a");
    cluster.write(before, ...lines(1, 10));
    cluster.end(before);
    const after = cluster.run("web-1", "b");
    cluster.write(after, ...lines(11, 20));
    cluster.runs("web-1", after, 1);
    await stage.start();
    await until(() => expect(store.texts("web-1")).toEqual(texts(1, 20)));
  });

  test("miss nothing when the container starts again at the moment that its log is opened", async () => {
    const before = cluster.run("web-1", "a");
    cluster.write(before, ...lines(1, 10));
    cluster.runs("web-1", before);
    await stage.start();
    await until(() => expect(store.texts("web-1")).toEqual(texts(1, 10)));
    // WHEN the connection breaks, and what is opened next is already the log of the container after
    let after: ReturnType<FakeCluster["run"]> | undefined;
    cluster.beforeLog = () => {
      if (after) return;
      before.lines.push(...lines(11, 20));
      before.ended = true;
      after = cluster.run("web-1", "b");
      after.lines.push(...lines(21, 30));
    };
    cluster.cutLogs();
    await until(() => expect(store.texts("web-1")).toEqual([...texts(1, 10), ...texts(21, 30)]));
    // THEN the rest of the one before comes as soon as Kubernetes tells
    cluster.runs("web-1", after as NonNullable<typeof after>, 1);
    cluster.cutLogs();
    await until(() => expect(store.texts("web-1")).toEqual(texts(1, 30)));
    cluster.write(after as NonNullable<typeof after>, ...lines(31, 40));
    await until(() => expect(store.texts("web-1")).toEqual(texts(1, 40)));
  });

  test("go on in a new file that was begun while the one before was still read", async () => {
    const instance = cluster.run("web-1", "a");
    cluster.write(instance, ...lines(1, 9_000));
    cluster.runs("web-1", instance);
    await stage.start();
    await until(() => expect(store.texts("web-1").length).toBeGreaterThan(0));
    cluster.rotate(instance);
    cluster.write(instance, ...lines(9_001, 9_010));
    await until(() => expect(store.texts("web-1")).toEqual(texts(1, 9_010)));
    // Little that is new does not make it impatient again.
    const opened = () => cluster.asked.filter((path) => path.includes("/log?")).length;
    const before = opened();
    cluster.write(instance, ...lines(9_011, 9_020));
    await until(() => expect(store.texts("web-1")).toEqual(texts(1, 9_020)));
    expect([before, opened()]).toEqual([2, 2]);
  });

  test("are read to their end after the pod has been deleted", async () => {
    const instance = cluster.run("job-1", "a");
    cluster.write(instance, ...lines(1, 5));
    cluster.runs("job-1", instance);
    await stage.start();
    await until(() => expect(store.texts("job-1")).toEqual(texts(1, 5)));
    cluster.delete("job-1");
    cluster.write(instance, ...lines(6, 10));
    cluster.end(instance);
    await until(() => expect(store.texts("job-1")).toEqual(texts(1, 10)));
    await until(() => expect(cluster.following).toBe(0));
  });

  test("wait for a store that is down, and go on with what it has lost in its memory", async () => {
    const instance = cluster.run("web-1", "a");
    cluster.write(instance, ...lines(1, 100));
    cluster.runs("web-1", instance);
    const logs = cluster.run("logs-0", "l1");
    cluster.runs("logs-0", logs);
    await stage.start();
    await until(() => expect(store.texts("web-1")).toHaveLength(100));
    // WHEN the store is killed: its last lines are gone, and nobody has noticed yet
    store.rows = store.rows.slice(0, 60);
    store.started = 2_000;
    logs.ended = true;
    cluster.runs("logs-0", cluster.run("logs-0", "l2"), 1);
    await until(() => expect(store.texts("web-1")).toEqual(texts(1, 100)));
    // AND WHEN it does not answer
    store.down = true;
    cluster.write(instance, ...lines(101, 200));
    await until(() =>
      expect(stage.said).toContainEqual(
        expect.stringMatching(
          /^the log store does not answer \(.+\); container logs stay in Kubernetes until it does$/,
        ),
      ),
    );
    store.down = false;
    await until(() => expect(store.texts("web-1")).toEqual(texts(1, 200)));
  });

  test("that may not be read are told of once", async () => {
    cluster.put("web-1", {
      containerStatuses: [
        {
          name: "main",
          ready: true,
          restartCount: 0,
          containerID: "x",
          state: { running: { startedAt: "" } },
        },
      ],
    });
    await stage.start();
    const told = () => stage.said.filter((line) => line.startsWith("log of web-1 can't be read: "));
    await until(() =>
      expect(cluster.asked.filter((path) => path.includes("/log?")).length).toBeGreaterThan(1),
    );
    expect(told()).toEqual([
      `log of web-1 can't be read: GET /api/v1/namespaces/${namespace}/pods/web-1/log answered 400: container "main" in pod "web-1" is not available`,
    ]);
  });
});
