import { describe, expect, test } from "vitest";
import { kubernetesRuntime } from "../../../src/ops/kubernetes/runtime.ts";
import type { PlatformOutput } from "../../../src/outputs/platform.ts";
import { platform } from "../fixture-platform.ts";
import { type Contents, type StandInCluster, standInCluster, type Thing } from "../stand-in-cluster.ts";

const inside = (path: string) => path.replace("//", "/namespaces/lab/");
const deployments = inside("/apis/apps/v1//deployments");
const pods = inside("/api/v1//pods");
const labels = (workload: string, more: Record<string, string> = {}) => ({
  "datalab.stack": "dev",
  "datalab.service": workload.split("-")[0] as string,
  "datalab.workload": workload,
  ...more,
});
const deployment = (name: string, replicas: number, annotations: Record<string, string> = {}): Thing => ({
  metadata: { name, labels: labels(name), annotations },
  spec: { replicas },
});
const pod = (name: string, workload: string, more: Record<string, string> = {}): Thing => ({
  metadata: { name, labels: labels(workload, more) },
  status: { phase: "Running", conditions: [{ type: "Ready", status: "True" }], containerStatuses: [] },
});

async function runtimeOn(contents: Contents, refuses?: (method: string, path: string) => number | undefined) {
  const cluster: StandInCluster = await standInCluster(contents, refuses);
  const output: PlatformOutput = {
    ...platform(),
    target: "kubernetes",
    kubernetes: { context: "lab", kubeconfig: cluster.kubeconfig, namespace: "lab", address: null, ca: null },
  };
  return { runtime: kubernetesRuntime(output), cluster };
}

test("workloads are told by the platform's own names, one-shots and what services have started among them", async () => {
  const { runtime } = await runtimeOn({
    [deployments]: [deployment("prefect", 1), deployment("postgres", 0, { "datalab.replicas": "2" })],
    [inside("/apis/batch/v1//jobs")]: [
      {
        metadata: { name: "prefect-register", labels: labels("prefect-register") },
        status: { conditions: [{ type: "Complete", status: "True" }] },
      },
    ],
    [pods]: [pod("prefect-1-a", "prefect"), pod("flow-x", "prefect-run", { "datalab.role": "spawned" })],
  });
  expect(await runtime.instances("dev")).toEqual([
    {
      name: "datalab-dev-prefect",
      service: "prefect",
      workload: "prefect",
      oneShot: false,
      ok: true,
      stopped: false,
      state: "running",
    },
    {
      name: "datalab-dev-postgres",
      service: "postgres",
      workload: "postgres",
      oneShot: false,
      ok: false,
      stopped: true,
      state: "stopped",
    },
    {
      name: "datalab-dev-prefect-register",
      service: "prefect",
      workload: "prefect-register",
      oneShot: true,
      ok: true,
      stopped: false,
      state: "completed",
    },
    {
      name: "flow-x",
      service: "prefect",
      workload: "prefect-run",
      oneShot: false,
      ok: true,
      stopped: false,
      state: "running",
    },
  ]);
});

describe("stop and start", () => {
  test("a stop notes how many there were, and nobody is noted as who has set it", async () => {
    const given = deployment("prefect", 3);
    given.metadata.managedFields = [{ manager: "pulumi" }, { manager: "datalab-cli" }];
    const { runtime, cluster } = await runtimeOn({ [deployments]: [given], [pods]: [] });
    await runtime.stop("datalab-dev-prefect", 10);
    expect(cluster.changes).toEqual([
      {
        method: "PATCH",
        path: `${deployments}/prefect`,
        query: "fieldManager=datalab-cli",
        body: { metadata: { annotations: { "datalab.replicas": "3" } }, spec: { replicas: 0 } },
      },
      {
        method: "PATCH",
        path: `${deployments}/prefect`,
        query: "",
        body: [
          { op: "test", path: "/metadata/managedFields/1/manager", value: "datalab-cli" },
          { op: "remove", path: "/metadata/managedFields/1" },
        ],
      },
    ]);
  });

  test("the entry is looked for again when a controller has moved it meanwhile", async () => {
    const given = deployment("prefect", 3);
    given.metadata.managedFields = [{ manager: "datalab-cli" }];
    let patches = 0;
    const { runtime, cluster } = await runtimeOn({ [deployments]: [given], [pods]: [] }, (method) =>
      method === "PATCH" && ++patches === 2 ? 422 : undefined,
    );
    await runtime.stop("datalab-dev-prefect", 10);
    const forget = [
      { op: "test", path: "/metadata/managedFields/0/manager", value: "datalab-cli" },
      { op: "remove", path: "/metadata/managedFields/0" },
    ];
    expect(cluster.changes.slice(1).map(({ body }) => body)).toEqual([forget, forget]);
  });

  test("a start asks for as many as there were, and forgets the note", async () => {
    const { runtime, cluster } = await runtimeOn({
      [deployments]: [deployment("prefect", 0, { "datalab.replicas": "3" })],
    });
    await runtime.start("datalab-dev-prefect");
    expect(cluster.changes.map(({ body }) => body)).toEqual([
      { metadata: { annotations: { "datalab.replicas": null } }, spec: { replicas: 3 } },
    ]);
  });

  test("what runs is left alone by a start, and what has stopped by a stop", async () => {
    const { runtime, cluster } = await runtimeOn({
      [deployments]: [deployment("prefect", 2), deployment("postgres", 0, { "datalab.replicas": "1" })],
      [pods]: [],
    });
    await runtime.start("datalab-dev-prefect");
    await runtime.stop("datalab-dev-postgres", 10);
    expect(cluster.changes).toEqual([]);
  });

  test("what is not there can't be started, and has stopped", async () => {
    const { runtime } = await runtimeOn({});
    await expect(runtime.start("datalab-dev-prefect")).rejects.toMatchObject({
      code: "E_WORKLOAD_DOWN",
      message: "There is no Deployment and no StatefulSet of datalab-dev-prefect.",
    });
    await runtime.stop("datalab-dev-prefect", 1);
  });

  test("a pod that a Job has started ends with the Job", async () => {
    const flow = pod("flow-x", "prefect-run", { "datalab.role": "spawned" });
    flow.metadata.ownerReferences = [{ kind: "Job", name: "flow", controller: true }];
    const { runtime, cluster } = await runtimeOn({
      [pods]: [flow],
      [inside("/apis/batch/v1//jobs")]: [{ metadata: { name: "flow" } }],
    });
    const stopping = runtime.stop("flow-x", 1);
    await expect
      .poll(() => cluster.changes.map(({ path }) => path))
      .toEqual([inside("/apis/batch/v1//jobs/flow")]);
    cluster.contents[pods] = [];
    await stopping;
  });
});

test("a command needs a pod that runs", async () => {
  const waiting = pod("prefect-1-a", "prefect");
  waiting.status = {
    phase: "Pending",
    conditions: [{ type: "PodScheduled", status: "False", message: "no room." }],
  };
  const { runtime } = await runtimeOn({ [pods]: [waiting] });
  await expect(runtime.exec("datalab-dev-prefect", ["true"], {})).rejects.toMatchObject({
    code: "E_WORKLOAD_DOWN",
    message: "datalab-dev-prefect is not running: its pod is pending (no room).",
  });
  await expect(runtime.exec("datalab-dev-postgres", ["true"], {})).rejects.toThrow(
    "datalab-dev-postgres is not running: it has no pod.",
  );
});

test("a platform that does not say where it runs was deployed by another version", () => {
  expect(() => kubernetesRuntime({ ...platform(), target: "kubernetes" })).toThrow(
    "The stack dev has no cluster in its output.",
  );
});

describe("a one-shot that is run again", () => {
  const jobs = inside("/apis/batch/v1//jobs");
  const controller = { "controller-uid": "u1", "batch.kubernetes.io/job-name": "prefect-register" };
  const job = (): Thing => ({
    metadata: { name: "prefect-register", labels: { ...labels("prefect-register"), ...controller } },
    spec: {
      backoffLimit: 3,
      selector: { matchLabels: controller },
      template: {
        metadata: { labels: { ...labels("prefect-register"), ...controller } },
        spec: { containers: [] },
      },
    },
    status: { succeeded: 1, conditions: [{ type: "Complete", status: "True" }] },
  });
  /** Ends the job that was made anew. */
  const endNext = async (contents: Contents, status: object) => {
    while (contents[jobs]?.[0]?.status !== undefined || contents[jobs]?.length !== 1)
      await new Promise((done) => setTimeout(done, 20));
    (contents[jobs][0] as { status: unknown }).status = status;
  };

  test("GIVEN a Job that has ended WHEN it is run again THEN it is made as it was, without what was the first run's", async () => {
    const { runtime, cluster } = await runtimeOn({ [jobs]: [job()] });
    const ended = endNext(cluster.contents, { succeeded: 1 });
    await runtime.rerun("datalab-dev-prefect-register");
    await ended;
    expect(cluster.changes.map(({ method, path }) => [method, path])).toEqual([
      ["DELETE", `${jobs}/prefect-register`],
      ["POST", jobs],
    ]);
    expect(cluster.changes[1]?.body).toEqual({
      apiVersion: "batch/v1",
      kind: "Job",
      metadata: { name: "prefect-register", labels: labels("prefect-register") },
      spec: {
        backoffLimit: 3,
        template: { metadata: { labels: labels("prefect-register") }, spec: { containers: [] } },
      },
    });
  });

  test("GIVEN a Job WHEN it fails this time THEN that is said", async () => {
    const { runtime, cluster } = await runtimeOn({ [jobs]: [job()] });
    const ended = endNext(cluster.contents, { failed: 4, conditions: [{ type: "Failed", status: "True" }] });
    await expect(runtime.rerun("datalab-dev-prefect-register")).rejects.toMatchObject({
      code: "E_JOB_FAILED",
    });
    await ended;
  });

  test("GIVEN none WHEN it is asked for THEN up is named", async () => {
    const { runtime } = await runtimeOn({ [jobs]: [] });
    await expect(runtime.rerun("datalab-dev-prefect-register")).rejects.toMatchObject({
      code: "E_WORKLOAD_DOWN",
      hint: "./datalab up --stack dev creates it.",
    });
  });
});
